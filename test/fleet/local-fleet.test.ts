import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fleet, FleetEvents } from '#fleet/fleet.ts'
import { LocalFleet } from '#fleet/local-fleet.ts'
import { BUDGET, countsOf, describeNode, FakeCluster, silent } from '#test/fleet/fleet-kit.ts'
import { until } from '#test/support/redis.ts'

const PATIENCE_MS = 20_000

function localFleet(intervalMs: () => number, events: FleetEvents = {}): Fleet {
  return new LocalFleet({ redis: null, node: describeNode('a'), intervalMs, log: silent, events })
}

async function startLocal(cluster: FakeCluster, events: FleetEvents = {}): Promise<Fleet> {
  const fleet = localFleet(() => 20, events)
  await fleet.start([cluster.asCluster('a')])
  return fleet
}

test('a node without a fleet has every budget whole, and itself as the only node', async () => {
  const fleet = await startLocal(new FakeCluster())
  assert.deepEqual(fleet.clusters.get('eu')!.grant, { ...BUDGET, stale: false, overcommitted: false })
  fleet.setState('serving')
  fleet.setSample({ rate: 1 })
  assert.deepEqual(
    fleet.nodes().map(({ id, state, sample }) => [id, state, sample]),
    [['a', 'serving', { rate: 1 }]],
  )
  assert.deepEqual([fleet.mode, fleet.redis], ['local', { state: 'none', reason: '' }])
  await fleet.stop()
})

test('it reads its clusters itself, tells the changes, and keeps what it has through failures', async () => {
  const cluster = new FakeCluster()
  const told: unknown[] = []
  const fleet = await startLocal(cluster, { changes: (_name, changes) => told.push(changes) })
  const view = fleet.clusters.get('eu')!
  await view.first
  assert.deepEqual(countsOf(fleet), { a: 3, b: 5 })
  assert.equal(told.length, 1)
  cluster.how = 'throws'
  await until(
    PATIENCE_MS,
    () => view.error === 'nobody answers',
    () => view.error,
  )
  assert.deepEqual(countsOf(fleet), { a: 3, b: 5 })
  cluster.how = 'answers'
  cluster.counts = { a: 3, b: 6 }
  cluster.failed = ['c']
  await until(
    PATIENCE_MS,
    () => countsOf(fleet).b === 6,
    () => JSON.stringify(countsOf(fleet)),
  )
  assert.equal(view.error, 'not readable: c')
  await fleet.stop()
  assert.ok(cluster.closed > 0)
})

test('a shorter interval holds at once after a reload; without a change nothing is read anew', async () => {
  const cluster = new FakeCluster()
  const known = cluster.asCluster('a')
  let intervalMs = 3_600_000
  const fleet = localFleet(() => intervalMs)
  await fleet.start([known])
  await fleet.clusters.get('eu')!.first
  fleet.setClusters([{ ...known }])
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(cluster.runs.length, 1)
  intervalMs = 20
  fleet.setClusters([known])
  await until(
    PATIENCE_MS,
    () => cluster.runs.length > 3,
    () => `${cluster.runs.length} readings`,
  )
  await fleet.stop()
})

test('what a worker learned is told once, and never shrinks the map', async () => {
  const told: unknown[] = []
  const fleet = await startLocal(new FakeCluster(), { changes: (_name, changes) => told.push(changes) })
  await fleet.clusters.get('eu')!.first
  told.length = 0
  fleet.learned('eu', 'new', { partitions: 2, internal: false })
  fleet.learned('eu', 'new', { partitions: 2, internal: false })
  fleet.learned('eu', 'a', { partitions: 1, internal: false })
  assert.deepEqual(told, [{ new: { partitions: 2, internal: false } }])
  await fleet.stop()
})

test('a reload adds and removes clusters, changes a budget, and keeps the map of those that stay', async () => {
  const [old, next] = [new FakeCluster(), new FakeCluster()]
  const grants: unknown[] = []
  const fleet = await startLocal(old, { grant: (_name, grant) => grants.push(grant.lanes) })
  await fleet.clusters.get('eu')!.first
  const { map } = fleet.clusters.get('eu')!
  const changed = { ...next.asCluster('a'), budget: { ...BUDGET, lanes: 5 } }
  fleet.setClusters([changed, next.asCluster('a', 'us')])
  assert.deepEqual([...fleet.clusters.keys()], ['eu', 'us'])
  assert.equal(fleet.clusters.get('eu')!.map, map)
  assert.deepEqual(grants, [5])
  assert.equal(old.closed, 1)
  await fleet.clusters.get('us')!.first
  fleet.setClusters([next.asCluster('a', 'us')])
  assert.deepEqual([...fleet.clusters.keys()], ['us'])
  await fleet.stop()
})
