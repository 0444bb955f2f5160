import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { GRANT_LEASE_MS, type Grant } from '#fleet/amounts.ts'
import { ClusterGrant } from '#fleet/grants.ts'
import { BUDGET as FLEET_BUDGET, FLOOR, linkTo, silent } from '#test/fleet/fleet-kit.ts'
import { type Caller, GrantWorld, given } from '#test/fleet/grant-world.ts'
import { Random } from '#test/simulation/random.ts'
import { startRedis, type TestRedis } from '#test/support/redis.ts'

type Row = [number, number, number]

/** Give it the seed that a failure names, to see that run alone. */
const ONLY_SEED = process.env.SEED
const SEEDS = ONLY_SEED ? [Number(ONLY_SEED)] : Array.from({ length: 8 }, () => (Math.random() * 1e9) | 0)
const SECONDS = 120
const DIMENSIONS = [0, 1, 2] as const
const BUDGET: Row = [12, 100_000, 300]

let redis: TestRedis
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())

let worlds = 0
const newWorld = (): GrantWorld => new GrantWorld(redis.client, `grants-${worlds++}`)

/** Every caller calls once, a second later. */
async function second(world: GrantWorld): Promise<void> {
  world.now += 1000
  for (const caller of world.callers.values()) if (caller.awakeAt <= world.now) await world.call(caller)
}

async function seconds(world: GrantWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await second(world)
}

const lanes = (caller: Caller): number => caller.holds[0]
const greedy = (caller: Caller): Caller => Object.assign(caller, { wants: [1000, 1e9, 1e6] })

describe('the grant script', () => {
  test('gives one node its floor at once and the whole budget after a lease', async () => {
    const world = newWorld()
    const a = world.join('a', BUDGET, 2)
    await second(world)
    assert.deepEqual(a.holds, [2, 2000, 2])
    await seconds(world, 6)
    assert.deepEqual(a.holds, BUDGET)
  })

  test('moves the shares with the demand, within few calls and without overshoot', async () => {
    const world = newWorld()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => world.join(name, BUDGET, 1)) as [Caller, Caller, Caller]
    greedy(a)
    await seconds(world, 8)
    assert.deepEqual(a.holds, [10, 98_000, 298])
    a.wants = [...a.floor]
    greedy(b)
    await seconds(world, 3)
    assert.equal(lanes(b), 10)
    greedy(a)
    greedy(c)
    await seconds(world, 4)
    assert.deepEqual([a, b, c].map(lanes), [4, 4, 4])
  })

  test('gives the whole budget away whatever the number of callers', async () => {
    for (const count of [1, 3, 5, 6, 12]) {
      const world = newWorld()
      for (let i = 0; i < count; i++) greedy(world.join(`n${i}`, BUDGET, 1))
      await seconds(world, 12)
      assert.equal(given(await world.books(), 0), 12)
    }
  })

  test('lets a newcomer wait until the others have made room, and no longer than a lease', async () => {
    const world = newWorld()
    const a = greedy(world.join('a', BUDGET, 1))
    await seconds(world, 8)
    assert.equal(lanes(a), 12)
    const b = greedy(world.join('b', BUDGET, 1))
    const first = await world.call(b)
    assert.deepEqual([first.answer.grant[0], first.answer.below], [0, true])
    await seconds(world, 2)
    assert.deepEqual([lanes(a), lanes(b)], [6, 6])
    a.awakeAt = Number.POSITIVE_INFINITY
    const c = world.join('c', BUDGET, 7)
    for (let waited = 0; waited <= GRANT_LEASE_MS; waited += 1000) await second(world)
    await second(world)
    assert.ok(lanes(c) >= 7, 'its floor, although the one that holds the rest does not answer')
  })

  test('makes a share that was given back usable by others within two calls', async () => {
    const world = newWorld()
    const [a, b] = ['a', 'b'].map((name) => greedy(world.join(name, BUDGET, 1))) as [Caller, Caller]
    await seconds(world, 8)
    assert.deepEqual([lanes(a), lanes(b)], [6, 6])
    await world.leave('a')
    await seconds(world, 2)
    assert.deepEqual(b.holds, BUDGET)
  })

  test('keeps the share of a killed node until 30 s after its lease', async () => {
    const world = newWorld()
    const [a, b] = ['a', 'b'].map((name) => greedy(world.join(name, BUDGET, 1))) as [Caller, Caller]
    await seconds(world, 8)
    world.callers.delete(a.name)
    await seconds(world, 34)
    assert.equal(lanes(b), 6)
    await seconds(world, 3)
    assert.equal(lanes(b), 12)
  })

  test('counts the smallest of differing budgets, as long as its node lives', async () => {
    const world = newWorld()
    const a = greedy(world.join('a', [0, 0, 0].map(() => 0) as Row, 1))
    const b = greedy(world.join('b', [12, 0, 300], 1))
    const c = greedy(world.join('c', [6, 0, 200], 1))
    await seconds(world, 14)
    assert.deepEqual([a, b, c].map(lanes), [2, 2, 2])
    assert.deepEqual(
      [a, b, c].map(({ holds }) => holds[1]),
      [0, 0, 0],
    )
    assert.equal(given(await world.books(), 2), 200)
    await world.leave('c')
    await seconds(world, 4)
    assert.equal(lanes(a) + lanes(b), 12)
  })

  test('says overcommitted when the floors alone exceed the budget, and gives each its floor', async () => {
    const world = newWorld()
    const callers = ['a', 'b', 'c'].map((name) => greedy(world.join(name, BUDGET, 8)))
    await seconds(world, 12)
    assert.deepEqual(callers.map(lanes), [8, 8, 8])
    const { answer } = await world.call(callers[0]!)
    assert.match(answer.over, /^lanes/)
  })

  test('knows nothing after it was emptied: what each holds is written down, and nobody grows', async () => {
    const world = newWorld()
    const [a, b] = ['a', 'b'].map((name) => greedy(world.join(name, BUDGET, 1))) as [Caller, Caller]
    await seconds(world, 8)
    await redis.flush()
    b.awakeAt = world.now + 3500
    await seconds(world, 4)
    assert.deepEqual([lanes(a), lanes(b)], [6, 6])
    await seconds(world, 8)
    assert.deepEqual([lanes(a), lanes(b)], [6, 6])
  })

  test('takes no lease away for time in which nobody was heard', async () => {
    const world = newWorld()
    const [a, b] = ['a', 'b'].map((name) => greedy(world.join(name, BUDGET, 1))) as [Caller, Caller]
    await seconds(world, 8)
    for (const jump of [3600_000, -3600_000, 60_000]) {
      world.now += jump
      await seconds(world, 8)
      assert.deepEqual([lanes(a), lanes(b)], [6, 6], `after a jump of ${jump} ms`)
    }
  })
})

test('a node that waits for its floor may use that, and no more', async () => {
  const link = await linkTo(redis, 'g:')
  const cluster = { name: 'eu', budget: FLEET_BUDGET, floor: FLOOR }
  const holder = new ClusterGrant(cluster, link, silent, () => {})
  const grants: Grant[] = []
  const newcomer = new ClusterGrant(cluster, link, silent, (grant) => grants.push(grant))
  try {
    assert.deepEqual(newcomer.grant, { ...FLOOR, stale: true, overcommitted: false })
    holder.report({ uses: FLEET_BUDGET, wants: FLEET_BUDGET })
    await holder.ask('a/1')
    await newcomer.ask('b/2')
    assert.equal(newcomer.isAdmitted, false)
    assert.deepEqual(newcomer.grant, { ...FLOOR, stale: false, overcommitted: false })
    newcomer.lose()
    assert.deepEqual(
      grants.map(({ stale }) => stale),
      [false, true],
    )
    await holder.giveBack('a/1')
    await newcomer.ask('b/2')
    assert.equal(newcomer.isAdmitted, true)
    newcomer.budget = { ...FLEET_BUDGET, submissionsPerSecond: 0 }
    await newcomer.ask('b/2')
    assert.equal(newcomer.grant.submissionsPerSecond, 0)
    await newcomer.giveBack('b/2')
    await newcomer.ask('b/2')
    assert.deepEqual(await redis.client.hkeys('g:v1:grants:eu'), ['meta'])
  } finally {
    link.stop()
  }
})

describe('over random joins, leaves, pauses and demands', () => {
  for (const seed of SEEDS) {
    test(`nothing beyond max(budget, floors) is given out, seed ${seed}`, () => strictRun(new Random(seed)))
    test(`also emptied and with budgets that differ, each step is safe, seed ${seed}`, () =>
      wildRun(new Random(seed)))
  }
})

/** All have the same budget, Redis forgets nothing, and nobody returns who was given up. */
async function strictRun(random: Random): Promise<void> {
  const world = newWorld()
  for (let at = 0; at < SECONDS; at++) {
    world.now += 1000
    if (random.chance(0.05)) world.now += random.whole(0, 60_000)
    await change(world, random, { leases: true })
    for (const caller of shuffled(world, random)) {
      const how = { lost: random.chance(0.05), late: random.chance(0.3) }
      const waited = caller.belowSince.map((since) => since !== null && world.now - since >= GRANT_LEASE_MS)
      const forced = DIMENSIONS.map((d) => waited[d] && caller.floor[d])
      const { answer, after, before } = await world.call(caller, how)
      for (const d of DIMENSIONS) {
        const bound = Math.max(BUDGET[d], world.floors(after, d))
        const more = given(after, d) - given(before, d)
        // A floor that was waited for in vain is an excess until its cause is gone; it never grows.
        const inExcess = given(before, d) > Math.max(BUDGET[d], world.floors(before, d))
        const allowed = forced[d] ? given(before, d) + Number(forced[d]) : inExcess ? given(before, d) : bound
        assert.ok(
          given(after, d) <= Math.max(bound, allowed),
          `${given(after, d)} of ${allowed}, ${more} more`,
        )
        assert.ok(after.get(caller.name)!.r[d] >= Math.max(caller.uses[d], answer.grant[d]))
        assertFloor(world, caller, d)
      }
    }
  }
}

/** Everything may happen. What a step gives out is bounded by what was there, and by what the caller brings. */
async function wildRun(random: Random): Promise<void> {
  const world = newWorld()
  for (let at = 0; at < SECONDS; at++) {
    world.now += 1000
    if (random.chance(0.05)) world.now += random.whole(-30_000, 90_000)
    if (random.chance(0.03)) await redis.flush()
    await change(world, random, { leases: false })
    for (const caller of shuffled(world, random)) {
      const brought = DIMENSIONS.map((d) => Math.max(caller.holds[d], caller.uses[d], caller.floor[d]))
      const { answer, before, after } = await world.call(caller, { late: random.chance(0.3) })
      const mine = before.get(caller.name)
      for (const d of DIMENSIONS) {
        const budget = world.budget(after, d)
        if (budget === 0) continue
        const bound = Math.max(budget, world.floors(after, d))
        const others = given(after, d) - after.get(caller.name)!.r[d]
        const allowed = Math.max(bound, others + Math.max(mine?.r[d] ?? 0, brought[d]!))
        assert.ok(given(after, d) <= allowed, `${given(after, d)} of ${allowed}`)
        assert.ok(after.get(caller.name)!.r[d] >= answer.grant[d])
      }
    }
  }
  for (const caller of world.callers.values()) caller.awakeAt = 0
  await seconds(world, 60)
  const books = await world.books()
  for (const d of DIMENSIONS) {
    const budget = world.budget(books, d)
    if (budget === 0) continue
    assert.ok(
      given(books, d) <= Math.max(budget, world.floors(books, d)),
      'it comes to rest within the bound',
    )
    for (const { name, floor, holds } of world.callers.values()) assert.ok(holds[d] >= floor[d], name)
  }
}

function assertFloor(world: GrantWorld, { name, belowSince }: Caller, d: 0 | 1 | 2): void {
  const since = belowSince[d]!
  // Redis counts from its first call below, and the call that comes a lease later is the one that gives.
  if (since !== null) assert.ok(world.now - since <= GRANT_LEASE_MS, `${name} is below its floor too long`)
}

let names = 0

/** @param leases the rules are kept: everybody has BUDGET, and pauses end before the share is given up */
async function change(world: GrantWorld, random: Random, { leases }: { leases: boolean }): Promise<void> {
  const all = [...world.callers.values()]
  const one = all.length > 0 ? random.pick(all) : null
  if (all.length < 6 && random.chance(0.15)) {
    const budget: Row = leases
      ? BUDGET
      : [random.pick([4, 12, 30]), random.pick([0, 90_000]), random.pick([0, 40])]
    world.join(`n${names++}`, budget, random.whole(1, 3))
  }
  if (!one) return
  if (random.chance(0.3)) one.wants = one.floor.map((floor) => floor * random.whole(1, 20)) as Row
  if (random.chance(0.04)) await world.leave(one.name)
  if (random.chance(0.04)) world.callers.delete(one.name)
  if (random.chance(0.06) && one.isHeard) {
    one.isHeard = false
    one.awakeAt = world.now + random.whole(1000, leases ? 30_000 : 90_000)
  }
}

function shuffled(world: GrantWorld, random: Random): Caller[] {
  const awake = [...world.callers.values()].filter(({ awakeAt }) => awakeAt <= world.now)
  return awake
    .map((caller) => ({ caller, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ caller }) => caller)
}
