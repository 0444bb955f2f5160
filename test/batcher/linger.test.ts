import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ArrivalEstimate } from '#batcher/estimate.ts'
import { oneBroker, type World } from '#test/batcher/world.ts'

const window = { maxBytes: 1 << 20, maxPartitions: 256 }
const lingering = (linger: 'auto' | number, partitions = 40) =>
  oneBroker(partitions, { window: { ...window, linger } })

/** Many clients write one batch each, to partitions of their own; all are answered. */
function manyArrive(world: World, partitions = 40): void {
  for (let i = 0; i < 100; i++) {
    world.sends(world.client(), { to: `t/${i % partitions}` })
    world.after(0.5)
  }
  while (world.engine.waiting > 0) {
    world.after(5)
    while (world.requests.length > 0) world.answers()
  }
}

describe('linger 0', () => {
  test('a batch leaves at the end of the turn it came in, with all others of that turn', () => {
    const world = lingering(0)
    const client = world.client()
    world.arrives(client, { to: 't/1' })
    world.arrives(world.client(), { to: 't/2' })
    assert.deepEqual(world.underWay, [])
    world.turn()
    assert.deepEqual(world.underWay, ['1: t/1 t/2'])
  })
})

describe('a fixed linger', () => {
  test('holds the window open for that long after its first batch, however lonely it is', () => {
    const world = lingering(20)
    world.sends(world.client(), { to: 't/1' })
    world.after(10)
    world.sends(world.client(), { to: 't/2' })
    world.after(9)
    assert.deepEqual(world.underWay, [])
    world.after(1)
    assert.deepEqual(world.underWay, ['1: t/1 t/2'])
  })

  test('a second batch of a partition does not close it', () => {
    const world = lingering(20)
    for (let i = 0; i < 5; i++) world.sends(world.client(), { to: 't/1' })
    world.after(19)
    assert.deepEqual(world.underWay, [])
    world.after(2)
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('what a submission left over waits for one more window at most', () => {
    const world = oneBroker(3, { window: { linger: 20, maxBytes: 1 << 20, maxPartitions: 256 } })
    for (const to of ['t/0', 't/1', 't/1']) world.sends(world.client(), { to })
    world.after(20)
    assert.deepEqual(world.underWay, ['1: t/0 t/1'])
    world.answers()
    assert.deepEqual(world.underWay, [])
    world.after(20)
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('a window that is full does not wait', () => {
    const world = oneBroker(3, { window: { linger: 20, maxBytes: 1 << 20, maxPartitions: 2 } })
    for (const to of ['t/0', 't/1', 't/2']) world.sends(world.client(), { to })
    world.after(0)
    assert.deepEqual(world.underWay, ['1: t/0 t/1'])
  })
})

describe('however often a window closes before it', () => {
  test('no batch waits longer than two windows in all', () => {
    const world = oneBroker(3, { window: { linger: 20, maxBytes: 1 << 20, maxPartitions: 256 } })
    for (const to of ['t/0', 't/0', 't/0']) world.sends(world.client(), { to })
    const since = world.now
    while (world.sent.length < 3) {
      while (world.requests.length > 0) world.answers()
      world.after(1)
    }
    assert.deepEqual(
      world.sent.map(({ at }) => at - since),
      [20, 40, 40],
    )
  })
})

describe('no batch waits longer than two windows', () => {
  test('however young the batches of other partitions are', () => {
    const world = lingering(10)
    const arrived = [0, 0, 0, 0, 4, 4].map((at, i) => ({ at, to: `t/${[0, 1, 1, 1, 0, 0][i]}` }))
    for (const { at, to } of arrived) {
      world.after(at - (world.now - 10_000))
      world.sends(world.client(), { to })
    }
    for (let ms = 0; ms < 40; ms++) {
      world.after(1)
      while (world.requests.length > 0) world.answers()
    }
    const waits = world.answered.map((batch) => batch.submittedAt - batch.arrivedAt)
    assert.equal(waits.length, arrived.length)
    assert.ok(Math.max(...waits) <= 20, `${waits}`)
  })
})

describe('linger auto', () => {
  test('a lone producer waits for nothing', () => {
    const world = lingering('auto')
    const client = world.client()
    for (let i = 0; i < 20; i++) {
      world.sends(client, { to: 't/1' })
      assert.deepEqual(world.underWay, ['1: t/1'])
      world.answers()
      world.after(50)
    }
  })

  test('while many batches come of themselves it waits up to 5 ms for more', () => {
    const world = lingering('auto')
    manyArrive(world)
    world.sends(world.client(), { to: 't/39' })
    assert.deepEqual(world.underWay, [])
    world.after(4)
    assert.deepEqual(world.underWay, [])
    world.after(1)
    assert.deepEqual(world.underWay, ['1: t/39'])
  })

  test('a window that has begun to wait keeps its time, though little more can come in what is left of it', () => {
    const world = lingering('auto')
    manyArrive(world)
    world.sends(world.client(), { to: 't/39' })
    world.after(4.5)
    world.sends(world.client(), { to: 't/38' })
    assert.deepEqual(world.underWay, [])
    world.after(0.5)
    assert.deepEqual(world.underWay, ['1: t/39 t/38'])
  })

  test('when they have stopped coming it waits no more', () => {
    const world = lingering('auto')
    manyArrive(world)
    world.after(500)
    world.sends(world.client(), { to: 't/39' })
    assert.deepEqual(world.underWay, ['1: t/39'])
  })

  test('quiet rule: producers that send because they were answered are not waited for', () => {
    const world = lingering('auto')
    const clients = Array.from({ length: 20 }, () => world.client())
    for (const [i, client] of clients.entries()) world.sends(client, { to: `t/${i}` })
    for (let round = 0; round < 50; round++) {
      while (world.requests.length > 0) world.answers()
      world.after(1)
      for (const [i, client] of clients.entries()) world.arrives(client, { to: `t/${i}` })
      world.turn()
      assert.ok(world.requests.length > 0, `round ${round}: the window closed at once`)
    }
  })

  test('two hot partitions among many idle ones bring two batches, not many', () => {
    const world = lingering('auto')
    manyArrive(world)
    const clients = Array.from({ length: 400 }, () => world.client())
    for (const [i, client] of clients.entries()) {
      world.sends(client, { to: `t/${i % 2}` })
      world.after(0.2)
      while (world.requests.length > 0) world.answers()
    }
    world.after(20)
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('what comes for one acks class is not waited for by the other, nor holds it up', () => {
    const world = lingering('auto')
    manyArrive(world)
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, [])
    world.sends(world.client(), { to: 't/2', acks: 1 })
    assert.deepEqual(world.underWay, ['1: t/2'])
    world.after(5)
    assert.deepEqual(world.underWay, ['1: t/2'])
    world.answers()
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('32 batches are enough', () => {
    const world = lingering('auto', 400)
    manyArrive(world, 400)
    for (let i = 0; i < 31; i++) world.arrives(world.client(), { to: `t/${i}` })
    world.turn()
    assert.deepEqual(world.underWay, [])
    world.sends(world.client(), { to: 't/31' })
    assert.equal(world.requests[0]?.carries.length, 32)
  })

  test('64 KiB are enough', () => {
    const world = lingering('auto')
    manyArrive(world)
    world.sends(world.client(), { to: 't/1', size: 60 * 1024 })
    assert.deepEqual(world.underWay, [])
    world.sends(world.client(), { to: 't/2', size: 4 * 1024 })
    assert.deepEqual(world.underWay, ['1: t/1 t/2'])
  })
})

describe('the arrival estimate', () => {
  test('a steady rate is found, and forgotten when nothing comes', () => {
    const estimate = new ArrivalEstimate()
    for (let now = 0; now <= 1000; now++) estimate.note(now, now)
    assert.ok(Math.abs(estimate.perMs(1000) - 1) < 0.05, `${estimate.perMs(1000)} per ms`)
    assert.ok(estimate.perMs(1500) < 0.001)
  })

  test('it counts only batches for partitions that the window does not list', () => {
    const estimate = new ArrivalEstimate()
    for (let now = 0; now <= 1000; now++) estimate.note(now, now)
    assert.equal(estimate.expected(1000, 5, 10, 10), 0)
    const one = estimate.expected(1000, 5, 9, 10)
    const half = estimate.expected(1000, 5, 5, 10)
    assert.ok(one > 0 && one < 1, 'one partition can bring one batch at most')
    assert.ok(Math.abs(half - 5 * one) < 1e-9)
    assert.ok(Math.abs(estimate.expected(1000, 5, 0, 1000) - 5) < 0.3, 'over many partitions: all that come')
  })

  test('partitions count by how much comes for them', () => {
    const estimate = new ArrivalEstimate()
    for (let now = 0; now <= 1000; now += 0.1) estimate.note(now, Math.floor(now * 10) % 2)
    assert.ok(Math.abs(estimate.expected(1000, 5, 1, 40) - 1) < 0.3, 'two hot ones: one more batch')
    for (let now = 1000; now <= 2000; now += 0.1) estimate.note(now, Math.floor(now * 10) % 20)
    assert.ok(estimate.expected(2000, 5, 1, 40) > 10, 'twenty of forty')
  })
})
