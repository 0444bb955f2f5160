import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from '#fleet/fleet.ts'
import { BUDGET, countsOf, describeNode, FakeCluster, FLOOR, newFleet } from '#test/fleet/fleet-kit.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { freePort } from '#test/support/ports.ts'
import { startRedis, TestRedis, until } from '#test/support/redis.ts'

const PATIENCE_MS = 30_000

let redis: TestRedis
const fleets: Fleet[] = []
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(() => redis.flush())
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((each) => each.stop()))
})

async function startFleet(id: string, cluster: FakeCluster, from = redis): Promise<Fleet> {
  const fleet = newFleet(from, 'l:', describeNode(id))
  fleets.push(fleet)
  await fleet.start([cluster.asCluster(id)])
  fleet.setState('serving')
  return fleet
}

/** Uses all that it is granted, and wants it all, until the test ends. */
function keepBusy(fleet: Fleet): void {
  const timer = setInterval(() => {
    const { grant } = fleet.clusters.get('eu') ?? {}
    if (grant) fleet.report('eu', { uses: { ...grant }, wants: BUDGET })
    if (!fleets.includes(fleet)) clearInterval(timer)
  }, 200)
}

const lanesOf = (fleet: Fleet): number => fleet.clusters.get('eu')!.grant.lanes

test('nodes share a budget, and a node that leaves gives its share back at once', async () => {
  const cluster = new FakeCluster()
  const [a, b] = [await startFleet('a', cluster), await startFleet('b', cluster)]
  for (const fleet of [a, b]) keepBusy(fleet)
  const lanes = (): string => [a, b].map(lanesOf).join(' ')
  await until(PATIENCE_MS, () => lanes() === '6 6', lanes)
  await b.leave()
  const left = performance.now()
  await until(PATIENCE_MS, () => lanesOf(a) === 12, lanes)
  assert.ok(performance.now() - left < 5000, `${performance.now() - left} ms`)
})

test('a Redis that stands still blocks nothing; all is right again within 10 s of its return', async () => {
  const cluster = new FakeCluster()
  const [a, b] = [await startFleet('a', cluster), await startFleet('b', cluster)]
  for (const fleet of [a, b]) keepBusy(fleet)
  await until(
    PATIENCE_MS,
    () => [a, b].every((each) => lanesOf(each) === 6),
    () => 'no shares',
  )
  redis.pause()
  try {
    await until(
      PATIENCE_MS,
      () => a.redis.state === 'down',
      () => 'still up',
    )
    assert.match(a.redis.reason, /no answer/)
    assert.deepEqual(a.clusters.get('eu')!.grant.lanes, 6)
    await until(
      PATIENCE_MS,
      () => a.clusters.get('eu')!.grant.stale,
      () => 'not stale',
    )
    // What the produce path may ask of the fleet answers at once.
    const begin = performance.now()
    a.learned('eu', 'learned', { partitions: 2, internal: false })
    a.setState('serving')
    a.nodes()
    assert.ok(performance.now() - begin < 1000)
    cluster.counts = { a: 3, b: 5, new: 1 }
    await until(
      PATIENCE_MS,
      () => countsOf(a).new === 1,
      () => 'not read while Redis stands still',
    )
    await until(
      PATIENCE_MS,
      () => a.nodes().length === 1,
      () => 'still shows the other',
    )
    await pause(1000)
  } finally {
    redis.resume()
  }
  const returned = performance.now()
  const all = (): boolean =>
    [a, b].every(
      (each) =>
        each.redis.state === 'up' &&
        !each.clusters.get('eu')!.grant.stale &&
        lanesOf(each) === 6 &&
        each.nodes().length === 2 &&
        countsOf(each).learned === 2 &&
        countsOf(each).new === 1,
    )
  await until(PATIENCE_MS, all, () => JSON.stringify([a, b].map((each) => [each.redis, each.nodes().length])))
  assert.ok(performance.now() - returned < 10_000, `${performance.now() - returned} ms`)
})

test('a fleet starts, works and stops without Redis, and joins it when it comes', async () => {
  const late = new TestRedis(await freePort())
  const cluster = new FakeCluster()
  const begin = performance.now()
  const a = await startFleet('a', cluster, late)
  assert.ok(performance.now() - begin < 6000)
  assert.deepEqual([a.redis.state, a.redis.reason], ['down', 'the connection was refused'])
  await a.clusters.get('eu')!.first
  await until(
    PATIENCE_MS,
    () => countsOf(a).b === 5,
    () => 'never read',
  )
  const { stale, overcommitted, ...grant } = a.clusters.get('eu')!.grant
  assert.deepEqual([grant, stale, overcommitted], [FLOOR, true, false])
  try {
    await late.start()
    await until(
      PATIENCE_MS,
      () => a.redis.state === 'up',
      () => a.redis.reason,
    )
    await until(
      PATIENCE_MS,
      () => late.client.hget('l:v1:topics:eu', 'b'),
      () => 'the map is not shared',
    )
  } finally {
    await late.kill()
  }
  await until(
    PATIENCE_MS,
    () => a.redis.state === 'down',
    () => 'still up',
  )
  const stopping = performance.now()
  await a.stop()
  assert.ok(performance.now() - stopping < 5000, `${performance.now() - stopping} ms`)
  await late.stop()
})

test('after a stop nothing is left of a node in Redis, and a hanging Redis does not hold up a stop', async () => {
  const cluster = new FakeCluster()
  const [a, b] = [await startFleet('a', cluster), await startFleet('b', cluster)]
  await a.stop()
  assert.deepEqual(await redis.client.hkeys('l:v1:leases'), ['b'])
  const callers = (await redis.client.hkeys('l:v1:grants:eu')).filter((name) => name.startsWith('a/'))
  assert.deepEqual(callers, [])
  redis.pause()
  try {
    const stopping = performance.now()
    await b.stop()
    assert.ok(performance.now() - stopping < 8000, `${performance.now() - stopping} ms`)
  } finally {
    redis.resume()
  }
})

test('a wrong password is said in words', async () => {
  await redis.client.config('SET', 'requirepass', 'secret')
  const fleet = newFleet(redis, 'l:', describeNode('a'))
  fleets.push(fleet)
  try {
    await fleet.start([])
    await until(
      PATIENCE_MS,
      () => /NOAUTH|WRONGPASS/.test(fleet.redis.reason),
      () => fleet.redis.reason,
    )
  } finally {
    await redis.client.config('SET', 'requirepass', '')
  }
})

const TROUBLES: Record<string, (proxy: FaultProxy) => void> = {
  'that hears Redis 2 s late': (proxy) => {
    proxy.answers.delayMs = 2000
  },
  'that is cut off from Redis without a word': (proxy) => {
    proxy.isBlackHole = true
  },
}

for (const [which, begin] of Object.entries(TROUBLES)) {
  test(`a node ${which} goes on alone, and is one of the fleet within 10 s after`, async () => {
    const proxy = await FaultProxy.start()
    proxy.target = redis.port
    const cluster = new FakeCluster()
    try {
      const a = await startFleet('a', cluster, new TestRedis(proxy.port))
      const b = await startFleet('b', cluster)
      await until(
        PATIENCE_MS,
        () => [a, b].every((each) => each.nodes().length === 2),
        () => 'not together',
      )
      begin(proxy)
      await until(
        PATIENCE_MS,
        () => a.redis.state === 'down' && b.nodes().length === 1,
        () => a.redis.reason,
      )
      assert.equal(b.redis.state, 'up')
      cluster.counts = { a: 3, b: 5, new: 1 }
      for (const fleet of [a, b]) {
        await until(
          PATIENCE_MS,
          () => countsOf(fleet).new === 1,
          () => JSON.stringify(countsOf(fleet)),
        )
      }
      await until(
        PATIENCE_MS,
        () => a.nodes().length === 1,
        () => 'still shows the other',
      )
      proxy.heal()
      const healed = performance.now()
      const together = (): boolean =>
        [a, b].every((each) => each.redis.state === 'up' && each.nodes().length === 2)
      await until(PATIENCE_MS, together, () => a.redis.reason)
      await until(
        PATIENCE_MS,
        () => !a.clusters.get('eu')!.grant.stale,
        () => 'stale',
      )
      assert.ok(performance.now() - healed < 10_000, `${performance.now() - healed} ms`)
    } finally {
      await Promise.all(fleets.splice(0).map((each) => each.stop()))
      await proxy.close()
    }
  })
}
