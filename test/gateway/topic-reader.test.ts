import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { floorOf } from '#fleet/amounts.ts'
import type { ClusterView } from '#fleet/fleet.ts'
import { LocalFleet } from '#fleet/local-fleet.ts'
import type { MapChanges } from '#fleet/partition-map.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { topicReaderOf } from '#gateway/topic-reader.ts'
import { createLog } from '#telemetry/log.ts'
import { ledBy, StubBroker, until } from '#test/upstream/stub-broker.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })

/** One node that reads a broker with topics `a` (1 partition) and `b` (2), every 50 ms. */
async function running(context: TestContext, pinned?: string) {
  const broker = await new StubBroker().listen()
  broker.ranges = { 3: [0, 6], 18: [0, 3] }
  const counts = new Map([
    ['a', 1],
    ['b', 2],
  ])
  broker.topics = (names) =>
    (names?.length ? names : [...counts.keys()])
      .filter((name) => counts.has(name))
      .map((name) => ledBy(name, new Array(counts.get(name)!).fill(1)))
  const news: MapChanges[] = []
  const cluster = {
    name: 'eu',
    clientId: 'me',
    bootstrapServers: [broker.address],
  } as unknown as ClusterConfig
  const node = {
    id: 'n',
    slot: 0,
    address: '',
    zone: '',
    version: '',
    configHash: '',
    ports: [],
  }
  const fleet = new LocalFleet({
    redis: null,
    node,
    intervalMs: () => 50,
    log,
    events: { changes: (_cluster, changes) => news.push(changes) },
  })
  const reader = topicReaderOf(cluster, () => pinned, log)
  const budget = { lanes: 1, inFlightBytes: 1, submissionsPerSecond: 0 }
  await fleet.start([{ name: 'eu', budget, floor: floorOf(1, 1), reader }])
  const loop = fleet.clusters.get('eu')!
  context.after(async () => {
    await fleet.stop()
    await broker.close()
  })
  return { loop, broker, counts, news, fleet }
}

const counted = (loop: ClusterView) =>
  Object.fromEntries([...loop.map.topics].map(([name, { partitions }]) => [name, partitions]))

test('the map is read at once, and kept current', async (context) => {
  const { loop, counts, news } = await running(context)
  assert.equal(loop.refreshedAt, null)
  await loop.first
  assert.deepEqual(counted(loop), { a: 1, b: 2 })
  assert.ok(loop.refreshedAt! <= Date.now() && loop.refreshedAt! > Date.now() - 60_000)
  counts.set('b', 5).set('c', 1)
  await until(() => news.length === 2, 'the change is told')
  assert.deepEqual(Object.keys(news[1]!).sort(), ['b', 'c'])
  assert.deepEqual(counted(loop), { a: 1, b: 5, c: 1 })
})

test('a cluster that cannot be read keeps its map, says why, and is tried again', async (context) => {
  const { loop, broker } = await running(context)
  await loop.first
  await broker.close()
  await until(() => loop.error !== '', 'it has failed')
  assert.deepEqual(counted(loop), { a: 1, b: 2 })
  const { refreshedAt } = loop
  await broker.listen()
  await until(() => loop.error === '' && loop.refreshedAt! > refreshedAt!, 'it is read again')
})

test('the first reading ends also when it fails', async (context) => {
  const { loop } = await running(context, 'another cluster')
  await loop.first
  assert.match(loop.error, /lead to cluster A, not to another cluster/)
  assert.deepEqual(counted(loop), {})
})

test('what a worker has learned grows the map, and never shrinks it', async (context) => {
  const { loop, fleet } = await running(context)
  await loop.first
  fleet.learned('eu', 'c', { partitions: 3, internal: false })
  fleet.learned('eu', 'b', { partitions: 1, internal: false })
  assert.deepEqual(counted(loop), { a: 1, b: 2, c: 3 })
  fleet.learned('eu', 'b', { partitions: 4, internal: false })
  assert.equal(counted(loop).b, 4)
})

test('stopped, it ends and lets its connection go', async (context) => {
  const { loop, broker, fleet } = await running(context)
  await loop.first
  await fleet.stop()
  await until(() => broker.sockets.size === 0, 'nothing is connected')
})
