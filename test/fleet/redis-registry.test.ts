import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import type { RedisLink } from '#fleet/redis.ts'
import { Registry, SlotClash } from '#fleet/registry.ts'
import { describeNode, FakeCluster, linkTo, newFleet, silent } from '#test/fleet/fleet-kit.ts'
import { startRedis, type TestRedis, until } from '#test/support/redis.ts'

const PATIENCE_MS = 30_000

let redis: TestRedis
let link: RedisLink
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(async () => {
  await redis.flush()
  link = await linkTo(redis, 'r:')
})
afterEach(() => link.stop())

function newRegistry(id: string, slot = 0, schema?: number): Registry {
  const events = { changed: () => {}, forgotten: () => {} }
  return new Registry(describeNode(id, slot), link, silent, events, schema)
}

const idsOf = (registry: Registry): string[] => registry.nodes().map(({ id }) => id)

test('nodes see each other with what they say of themselves, and leave at once', async () => {
  const a = newRegistry('a')
  const b = newRegistry('b')
  a.self.sample = { connections: 7 }
  a.self.state = 'serving'
  await a.beat()
  await b.beat()
  const seen = b.nodes().find(({ id }) => id === 'a')!
  assert.deepEqual([seen.state, seen.sample, seen.ports], ['serving', { connections: 7 }, [9092]])
  assert.ok(a.self.incarnation > 0 && b.self.incarnation > a.self.incarnation)
  await a.leave()
  await b.beat()
  assert.deepEqual(idsOf(b), ['b'])
  await a.beat()
  await b.beat()
  assert.deepEqual(idsOf(b), ['b'], 'one that has left does not come back by a late beat')
})

test('the lease of a node that is silent ends, and it may come back', async () => {
  const a = newRegistry('a')
  const b = newRegistry('b')
  await a.beat()
  await b.beat()
  // What five seconds of silence do, at once.
  const lease = (await redis.client.hget('r:v1:leases', 'a'))!
  await redis.client.hset('r:v1:leases', 'a', lease.replace(/^\d+/, '1'))
  await b.beat()
  assert.deepEqual(idsOf(b), ['b'])
  await a.beat()
  await b.beat()
  assert.deepEqual(idsOf(b), ['a', 'b'])
})

test('a lease lasts five seconds of the time of Redis', async () => {
  await newRegistry('a').beat()
  const [seconds] = await redis.client.time()
  const [end] = (await redis.client.hget('r:v1:leases', 'a'))!.split(' ')
  const left = Number(end) - Number(seconds) * 1000
  assert.ok(left > 3000 && left <= 6000, `${left} ms`)
})

test('two nodes with one slot: the second is refused, until the first is gone', async () => {
  const a = newRegistry('a', 17)
  const b = newRegistry('b', 17)
  await a.beat()
  await b.beat()
  assert.ok(b.clash instanceof SlotClash)
  assert.match(b.refusal, /node\.id: "b" and the live node "a" come to the same slot 17/)
  assert.deepEqual(idsOf(b), ['b'])
  await a.leave()
  await b.beat()
  assert.equal(b.refusal, '')
  for (const id of ['c', 'd']) {
    const shared = newRegistry(id, 0)
    await shared.beat()
    assert.equal(shared.refusal, '', 'slot 0 is shared by all')
  }
})

test('a slot that is taken stops the start of a fleet, with the reason', async () => {
  const first = newFleet(redis, 'r:', describeNode('a', 5))
  const second = newFleet(redis, 'r:', describeNode('b', 5))
  try {
    await first.start([])
    await assert.rejects(second.start([]), SlotClash)
  } finally {
    await first.stop()
    await second.stop()
  }
})

test('of two processes with one node id the younger stays; the elder runs alone and cannot remove it', async () => {
  const elder = newRegistry('a')
  const younger = newRegistry('a')
  await elder.beat()
  await younger.beat()
  await elder.beat()
  assert.match(elder.refusal, /another process has registered as node "a"/)
  assert.equal(elder.isMember, false)
  await elder.leave()
  const other = newRegistry('b')
  await other.beat()
  assert.deepEqual(idsOf(other), ['a', 'b'])
})

test('incarnations grow although Redis was emptied', async () => {
  const before = newRegistry('a')
  await before.beat()
  await redis.flush()
  const after = newRegistry('b')
  await after.beat()
  assert.ok(after.self.incarnation > before.self.incarnation)
})

test('a node that meets a newer schema runs alone, says so and writes nothing', async () => {
  const newer = newRegistry('new', 0, 2)
  const older = newRegistry('old')
  await older.beat()
  assert.equal(older.isMember, true)
  await newer.beat()
  await older.beat()
  assert.match(older.refusal, /schema version 2, this node 1: it runs alone/)
  assert.deepEqual(idsOf(older), ['old'])
  await redis.client.hdel('r:v1:nodes', 'old')
  await older.beat()
  assert.equal(await redis.client.hexists('r:v1:nodes', 'old'), 0)
})

test('when Redis was emptied, the nodes known before stay until they had time to come back', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => newRegistry(id)) as [Registry, Registry, Registry]
  for (const each of [a, b, c, a, b]) await each.beat()
  await redis.flush()
  await a.beat()
  await b.beat()
  assert.deepEqual(
    [idsOf(a), idsOf(b)],
    [
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
  )
})

test('live nodes are told of states, ports and samples of the others, and of changes only', async () => {
  const told: string[] = []
  const events = { nodes: (nodes: any) => told.push(nodes.map((n: any) => `${n.id}:${n.state}`).join(' ')) }
  const a = newFleet(redis, 'r:', describeNode('a'), { events })
  const b = newFleet(redis, 'r:', describeNode('b'))
  const cluster = new FakeCluster()
  try {
    await a.start([cluster.asCluster('a')])
    await b.start([cluster.asCluster('b')])
    a.setState('serving')
    b.setState('serving')
    b.setSample({ rate: 1 })
    b.describe({ ports: [9092, 9093], configHash: 'y' })
    const seen = (): any => a.nodes().find(({ id }) => id === 'b')
    await until(
      PATIENCE_MS,
      () => seen()?.ports.length === 2 && seen().sample,
      () => JSON.stringify(seen()),
    )
    assert.deepEqual([seen().sample, seen().configHash, seen().clusters], [{ rate: 1 }, 'y', ['eu']])
    b.setState('draining')
    await until(
      PATIENCE_MS,
      () => seen()?.state === 'draining',
      () => JSON.stringify(seen()),
    )
    await b.leave()
    await until(
      PATIENCE_MS,
      () => seen() === undefined,
      () => JSON.stringify(seen()),
    )
    assert.equal(told.at(-1), 'a:serving')
    assert.equal(new Set(told.map((row, at) => `${row}${told[at - 1] === row}`)).has('true'), false)
  } finally {
    await a.stop()
    await b.stop()
  }
})
