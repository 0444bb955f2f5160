import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from '#fleet/fleet.ts'
import type { RedisLink } from '#fleet/redis.ts'
import { RefreshQueue } from '#fleet/refresh-queue.ts'
import { SharedMap } from '#fleet/shared-map.ts'
import { countsOf, describeNode, FakeCluster, linkTo, newFleet, silent } from '#test/fleet/fleet-kit.ts'
import { start } from '#test/support/processes.ts'
import { startRedis, type TestRedis, until } from '#test/support/redis.ts'

const PATIENCE_MS = 30_000
const INTERVAL_MS = 500

let redis: TestRedis
const links: RedisLink[] = []
const queues: RefreshQueue[] = []
const fleets: Fleet[] = []
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(() => redis.flush())
afterEach(async () => {
  await Promise.all(
    [...queues.splice(0), ...fleets.splice(0)].map((each) => ('stop' in each ? each.stop() : each.close())),
  )
  for (const link of links.splice(0)) link.stop()
})

async function newQueue(cluster: FakeCluster, by: string, limitMs?: number) {
  const link = await linkTo(redis, 'q:')
  links.push(link)
  const queue = new RefreshQueue(link, () => INTERVAL_MS, silent, limitMs)
  queues.push(queue)
  const shared = new SharedMap('eu', link, { changed: () => {}, read: () => {} })
  await queue.schedule({ name: 'eu', reader: cluster.reader(by), shared })
  return { queue, shared, link }
}

async function startFleets(cluster: FakeCluster, ids: string[]): Promise<Fleet[]> {
  for (const id of ids) {
    const fleet = newFleet(redis, 'f:', describeNode(id), { intervalMs: INTERVAL_MS })
    fleets.push(fleet)
    await fleet.start([cluster.asCluster(id)])
  }
  return fleets
}

const untilRuns = (cluster: FakeCluster, count: number): Promise<void> =>
  until(
    PATIENCE_MS,
    () => cluster.runs.length >= count,
    () => `${cluster.runs.length} runs of ${count}`,
  )

test('three nodes together read a cluster once per interval', async () => {
  const cluster = new FakeCluster()
  for (const by of ['a', 'b', 'c']) await newQueue(cluster, by)
  await untilRuns(cluster, 2)
  const [first] = cluster.runs.splice(0).slice(-1)
  await untilRuns(cluster, 10)
  const slots = Math.round((cluster.runs[9]!.at - first!.at) / INTERVAL_MS)
  // On a busy machine a run comes late and the next one in its own slot: never more than one per slot.
  assert.ok(slots >= 9 && slots < 40, `10 runs in ${slots} intervals`)
})

test('setting a scheduler up again and again adds no run', async () => {
  const cluster = new FakeCluster()
  const { queue, shared } = await newQueue(cluster, 'a')
  await untilRuns(cluster, 1)
  const begin = performance.now()
  for (let i = 0; i < 20; i++) {
    await queue.schedule({ name: 'eu', reader: cluster.reader('a'), shared })
    await pause(100)
  }
  const slots = (performance.now() - begin) / INTERVAL_MS
  assert.ok(cluster.runs.length - 1 <= slots + 1, `${cluster.runs.length - 1} runs in ${slots} intervals`)
})

for (const how of ['emptied', 'killed and started empty'] as const) {
  test(`a Redis that was ${how} gets schedule, map and leases back within 10 s`, async () => {
    const cluster = new FakeCluster()
    const [a, b] = (await startFleets(cluster, ['a', 'b'])) as [Fleet, Fleet]
    await until(
      PATIENCE_MS,
      () => b.clusters.get('eu')!.refreshedAt,
      () => 'never read',
    )
    if (how === 'emptied') await redis.flush()
    else await redis.restartEmpty()
    const returned = performance.now()
    const runs = cluster.runs.length
    cluster.counts = { a: 3, b: 5, c: 1 }
    for (const fleet of [a, b]) {
      await until(
        PATIENCE_MS,
        () => countsOf(fleet).c === 1,
        () => JSON.stringify(countsOf(fleet)),
      )
    }
    await until(
      PATIENCE_MS,
      () => redis.client.exists('f:v1:bull:eu:meta'),
      () => 'no schedule',
    )
    await until(
      PATIENCE_MS,
      async () => (await redis.client.hlen('f:v1:leases')) === 2,
      () => 'no leases',
    )
    assert.equal(await redis.client.hget('f:v1:topics:eu', 'b'), '5')
    await until(
      PATIENCE_MS,
      () => a.redis.state === 'up' && !a.clusters.get('eu')!.grant.stale,
      () => a.redis.reason,
    )
    assert.ok(performance.now() - returned < 10_000, `${performance.now() - returned} ms`)
    assert.ok(cluster.runs.length > runs)
  })
}

test('a reading that throws leaves the last good entries, and all nodes are told; it goes on after', async () => {
  const cluster = new FakeCluster()
  const [a, b] = (await startFleets(cluster, ['a', 'b'])) as [Fleet, Fleet]
  await until(
    PATIENCE_MS,
    () => countsOf(b).b === 5,
    () => JSON.stringify(countsOf(b)),
  )
  cluster.how = 'throws'
  for (const fleet of [a, b]) {
    const view = fleet.clusters.get('eu')!
    await until(
      PATIENCE_MS,
      () => view.error === 'nobody answers',
      () => view.error,
    )
    assert.ok(view.errorAt! > 0)
    assert.deepEqual(countsOf(fleet), { a: 3, b: 5 })
  }
  cluster.how = 'answers'
  cluster.counts = { a: 3, b: 6 }
  await until(
    PATIENCE_MS,
    () => countsOf(a).b === 6 && a.clusters.get('eu')!.error === '',
    () => 'not read again',
  )
})

test('a topic that cannot be read stays, and is named', async () => {
  const cluster = new FakeCluster()
  const [a] = (await startFleets(cluster, ['a'])) as [Fleet]
  await until(
    PATIENCE_MS,
    () => countsOf(a).b === 5,
    () => JSON.stringify(countsOf(a)),
  )
  cluster.counts = { a: 4 }
  cluster.failed = ['b']
  await until(
    PATIENCE_MS,
    () => countsOf(a).a === 4,
    () => JSON.stringify(countsOf(a)),
  )
  await untilRuns(cluster, cluster.runs.length + 3)
  assert.deepEqual(countsOf(a), { a: 4, b: 5 })
  assert.equal(a.clusters.get('eu')!.error, 'not readable: b')
})

test('a reading that hangs ends at its limit, as a failure; its reader begins afresh', async () => {
  const cluster = new FakeCluster()
  const { shared } = await newQueue(cluster, 'a', 700)
  await until(
    PATIENCE_MS,
    () => shared.map.topics.size === 2,
    () => 'never read',
  )
  cluster.how = 'hangs'
  await until(
    PATIENCE_MS,
    () => /did not end within 700 ms/.test(shared.state.error),
    () => shared.state.error,
  )
  assert.ok(cluster.closed > 0)
  assert.equal(shared.map.topics.size, 2)
  cluster.how = 'answers'
  await until(
    PATIENCE_MS,
    () => shared.state.error === '',
    () => shared.state.error,
  )
})

test('a cluster that hangs on one node only is read by the others', async () => {
  const hangs = new FakeCluster()
  hangs.how = 'hangs'
  const fine = new FakeCluster()
  await newQueue(hangs, 'a')
  await newQueue(fine, 'b')
  await untilRuns(fine, 6)
})

test('a cluster that no node has any more loses its schedule, map and grants', async () => {
  const cluster = new FakeCluster()
  const [a] = (await startFleets(cluster, ['a'])) as [Fleet]
  const keys = async (): Promise<string[]> =>
    (await redis.client.keys('f:v1:*')).filter((key) => /eu2/.test(key))
  a.setClusters([cluster.asCluster('a'), cluster.asCluster('a', 'eu2')])
  await until(
    PATIENCE_MS,
    () => countsOf(a, 'eu2').b === 5,
    () => 'never read',
  )
  assert.ok((await keys()).length >= 3)
  a.setClusters([cluster.asCluster('a')])
  let left: string[] = []
  await until(
    PATIENCE_MS,
    async () => (left = await keys()).length === 0,
    () => left.join(' '),
  )
})

for (const hours of [1, -1]) {
  test(`a node whose clock jumps by ${hours} h leaves the readings to others, and stops none`, async () => {
    const cluster = new FakeCluster()
    const [a] = (await startFleets(cluster, ['a', 'b'])) as [Fleet]
    const args = ['test/fleet/wrong-clock.ts', `${redis.port}`, 'f:', `${hours * 3_600_000}`, '3000']
    let reads = 0
    const onLine = (): unknown => reads++
    const wrong = await start(process.execPath, args, { onLine })
    const ahead = (): number => a.nodes().find(({ id }) => id === 'wrong')?.clockAhead ?? 0
    await until(
      PATIENCE_MS,
      () => Math.abs(ahead()) > 3_000_000,
      () => `${ahead()} ms`,
    )
    // What it planned with the wrong clock until it noticed may stand still; the others plan anew.
    await untilRuns(cluster, cluster.runs.length + 6)
    const before = reads
    await untilRuns(cluster, cluster.runs.length + 3)
    assert.equal(reads, before)
    assert.equal(Math.abs(ahead()) > 3_000_000, true)
    await wrong.stop('SIGKILL')
    await untilRuns(cluster, cluster.runs.length + 3)
  })
}
