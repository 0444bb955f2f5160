import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import type { MapChanges } from '#fleet/partition-map.ts'
import type { RedisLink } from '#fleet/redis.ts'
import { SharedMap } from '#fleet/shared-map.ts'
import { linkTo, readingOf } from '#test/fleet/fleet-kit.ts'
import { startRedis, type TestRedis, until } from '#test/support/redis.ts'

const PATIENCE_MS = 20_000

let redis: TestRedis
const links: RedisLink[] = []
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(() => redis.flush())
afterEach(() => {
  for (const link of links.splice(0)) link.stop()
})

interface Node {
  map: SharedMap
  changes: MapChanges[]
}

async function newNode(): Promise<Node> {
  const link = await linkTo(redis, 'm:')
  links.push(link)
  const changes: MapChanges[] = []
  const map = new SharedMap('eu', link, { changed: (each) => changes.push(each), read: () => {} })
  await map.sync()
  return { map, changes }
}

async function commit(
  { map }: Node,
  counts: Record<string, number>,
  failed: string[] = [],
): Promise<boolean> {
  return map.commit(await map.takeToken(), readingOf(counts, failed))
}

function countsOf({ map }: Node): Record<string, number> {
  return Object.fromEntries([...map.map.topics].map(([topic, { partitions }]) => [topic, partitions]))
}

async function untilKnown(node: Node, counts: Record<string, number>): Promise<void> {
  const wanted = JSON.stringify(Object.entries(counts).sort())
  const has = (): string => JSON.stringify(Object.entries(countsOf(node)).sort())
  await until(
    PATIENCE_MS,
    () => has() === wanted,
    () => `${has()} instead of ${wanted}`,
  )
}

test('what one node reads comes to the others as differences', async () => {
  const [a, b] = [await newNode(), await newNode()]
  assert.equal(await commit(a, { x: 3, y: 5 }), true)
  await untilKnown(b, { x: 3, y: 5 })
  b.changes.length = 0
  await commit(a, { x: 4, y: 5, z: 1 })
  await untilKnown(b, { x: 4, y: 5, z: 1 })
  const entry = (partitions: number) => ({ partitions, internal: false })
  assert.deepEqual(b.changes, [{ x: entry(4), z: entry(1) }])
  assert.ok(b.map.state.refreshedAt !== null)
})

test('a reading that changes nothing is published as such, and moves the time of the reading', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3 })
  await untilKnown(b, { x: 3 })
  const { refreshedAt } = b.map.state
  b.changes.length = 0
  await new Promise((resolve) => setTimeout(resolve, 5))
  await commit(a, { x: 3 })
  await until(
    PATIENCE_MS,
    () => b.map.state.refreshedAt! > refreshedAt!,
    () => `${b.map.state.refreshedAt}`,
  )
  assert.deepEqual(b.changes, [])
})

test('a publication that was missed is noticed by the version', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3 })
  await untilKnown(b, { x: 3 })
  b.map.close()
  await commit(a, { x: 3, y: 1 })
  await commit(a, { x: 3, y: 1, z: 1 })
  await b.map.sync()
  assert.deepEqual(countsOf(b), { x: 3, y: 1, z: 1 })
})

test('a topic goes only after two readings without it, whichever nodes make them', async () => {
  const [a, b, c] = [await newNode(), await newNode(), await newNode()]
  await commit(a, { x: 3, y: 5 })
  await commit(b, { x: 3 })
  assert.deepEqual(countsOf(b), { x: 3, y: 5 })
  await commit(c, { x: 3 })
  for (const node of [a, b, c]) await untilKnown(node, { x: 3 })
})

test('topics that a reading could not read stay, and every node is told which', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3, y: 5 })
  for (let i = 0; i < 3; i++) await commit(a, { x: 3 }, ['y'])
  await b.map.sync()
  assert.deepEqual(countsOf(b), { x: 3, y: 5 })
  assert.equal(b.map.state.error, 'not readable: y')
  assert.ok(b.map.state.errorAt !== null)
})

test('a reading that began before one that was written is dropped', async () => {
  const [a, b] = [await newNode(), await newNode()]
  const early = await a.map.takeToken()
  const late = await b.map.takeToken()
  assert.equal(await b.map.commit(late, readingOf({ x: 4 })), true)
  assert.equal(await a.map.commit(early, readingOf({ x: 9, y: 9 })), false)
  await a.map.fail(early, 'too late to say')
  await a.map.sync()
  assert.deepEqual([countsOf(a), a.map.state.error], [{ x: 4 }, ''])
})

test('a failure is told to all with time and reason, and takes nothing away', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3 })
  await a.map.fail(await a.map.takeToken(), 'nobody answers')
  await until(
    PATIENCE_MS,
    () => b.map.state.error === 'nobody answers',
    () => b.map.state.error,
  )
  assert.ok(b.map.state.errorAt !== null && b.map.state.refreshedAt !== null)
  await untilKnown(b, { x: 3 })
  await commit(b, { x: 3 })
  await until(
    PATIENCE_MS,
    () => a.map.state.error === '',
    () => a.map.state.error,
  )
})

test('an emptied Redis takes nothing away: each node writes back what it knows', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3, y: 5 })
  await untilKnown(b, { x: 3, y: 5 })
  b.map.learned('only-b', { partitions: 2, internal: true })
  await redis.flush()
  a.changes.length = 0
  await a.map.sync()
  await b.map.sync()
  await untilKnown(a, { x: 3, y: 5, 'only-b': 2 })
  const gone = a.changes.flatMap((each) => Object.values(each)).filter((entry) => entry === null)
  assert.deepEqual(gone, [])
  const fresh = await newNode()
  assert.deepEqual(countsOf(fresh), { x: 3, y: 5, 'only-b': 2 })
  assert.equal(fresh.map.map.topics.get('only-b')!.internal, true)
})

test('a Redis that has lost its last writes gets them back', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3 })
  const keys = ['m:v1:map:eu', 'm:v1:topics:eu']
  const old = await Promise.all(keys.map((key) => redis.client.dumpBuffer(key)))
  await commit(a, { x: 6, y: 1 })
  await untilKnown(b, { x: 6, y: 1 })
  for (const [i, key] of keys.entries()) await redis.client.restore(key, 0, old[i]!, 'REPLACE')
  await b.map.sync()
  await a.map.sync()
  assert.deepEqual(
    [countsOf(a), countsOf(b)],
    [
      { x: 6, y: 1 },
      { x: 6, y: 1 },
    ],
  )
  assert.deepEqual(await redis.client.hgetall(keys[1]!), { x: '6', y: '1' })
})

test('a reading whose map was emptied in the middle is written all the same', async () => {
  const a = await newNode()
  await commit(a, { x: 3 })
  const token = await a.map.takeToken()
  await redis.flush()
  assert.equal(await a.map.commit(token, readingOf({ x: 3, y: 1 })), true)
  assert.deepEqual(countsOf(a), { x: 3, y: 1 })
})

test('what a worker learned reaches all nodes, and an older answer shrinks nothing', async () => {
  const [a, b] = [await newNode(), await newNode()]
  await commit(a, { x: 3 })
  await untilKnown(b, { x: 3 })
  assert.equal(b.map.learned('new', { partitions: 7, internal: false }), true)
  assert.equal(b.map.learned('x', { partitions: 2, internal: false }), false)
  await b.map.sync()
  await untilKnown(a, { x: 3, new: 7 })
})

test('what a node read alone while there was no Redis is joined with the map of the others', async () => {
  const a = await newNode()
  const b = await newNode()
  await commit(a, { x: 3, y: 5 })
  await untilKnown(b, { x: 3, y: 5 })
  b.map.readAlone(readingOf({ x: 4, y: 5, z: 1 }))
  await b.map.sync()
  await untilKnown(a, { x: 4, y: 5, z: 1 })
})

test('many topics: only what has changed travels', async () => {
  const [a, b] = [await newNode(), await newNode()]
  const counts = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`topic-${i}`, 6]))
  await commit(a, counts)
  await untilKnown(b, counts)
  b.changes.length = 0
  counts['topic-7'] = 12
  await commit(a, counts)
  await untilKnown(b, counts)
  assert.deepEqual(
    b.changes.map((each) => Object.keys(each)),
    [['topic-7']],
  )
})

test('nodes that write at the same time end with the same map', async () => {
  const nodes = [await newNode(), await newNode(), await newNode()]
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      nodes.map(async (node, i) => {
        node.map.learned(`t-${round}-${i}`, { partitions: 1 + i, internal: false })
        await node.map.sync()
      }),
    )
  }
  const all: Record<string, number> = {}
  for (let round = 0; round < 10; round++) for (let i = 0; i < 3; i++) all[`t-${round}-${i}`] = 1 + i
  for (const node of nodes) await untilKnown(node, all)
})
