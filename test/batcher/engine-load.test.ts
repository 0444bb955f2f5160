import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Limits } from '#batcher/limits.ts'
import { fate, oneBroker, result, World } from '#test/batcher/world.ts'

/** Two brokers, each the leader of one partition, with steady work for both. */
function twoBrokers(settings: ConstructorParameters<typeof World>[0]) {
  const world = new World(settings)
  const clients = [world.client(), world.client()]
  const feed = (size = 100) => {
    for (const [i, client] of clients.entries()) {
      if (client.unanswered < 3) world.arrives(client, { to: `t/${i}`, wait: 60_000, size })
    }
    world.turn()
  }
  feed()
  world.leaders('t', [1, 2])
  const served = () => world.sent.map(({ broker }) => broker)
  return { world, feed, served }
}

describe('submissionsPerSecond', () => {
  test('spaces submissions evenly', () => {
    const world = oneBroker(1, { submissionsPerSecond: 10 })
    const client = world.client()
    for (let i = 0; i < 5; i++) world.arrives(client, { to: 't/0' })
    world.turn()
    for (let ms = 0; ms < 600; ms++) {
      while (world.requests.length > 0) world.answers()
      world.after(1)
    }
    const times = world.sent.map(({ at }) => at)
    assert.equal(times.length, 5)
    assert.deepEqual(
      times.slice(1).map((at, i) => at - times[i]!),
      [100, 100, 100, 100],
    )
  })

  test('saves nothing up: after a pause there is no burst', () => {
    const world = oneBroker(3, { submissionsPerSecond: 10 })
    world.after(10_000)
    for (const to of ['t/0', 't/1', 't/2']) {
      world.sends(world.client(), { to })
      while (world.requests.length > 0) world.answers()
    }
    assert.equal(world.sent.length, 1)
    world.after(100)
    assert.equal(world.sent.length, 2, 'and what waited leaves together')
    assert.deepEqual(world.sent[1]!.carries, ['t/1', 't/2'])
  })

  for (const flushes of [0, 1, 2, 3]) {
    test(`is shared by the brokers in turn (${flushes} more flushes between two submissions)`, () => {
      const { world, feed, served } = twoBrokers({ submissionsPerSecond: 1 })
      for (let second = 0; second < 20; second++) {
        while (world.requests.length > 0) world.answers()
        for (let i = 0; i < flushes; i++) world.engine.flush()
        world.after(500)
        feed()
        world.after(500)
      }
      const first = served().filter((broker) => broker === 1).length
      assert.ok(served().length >= 18)
      assert.ok(Math.abs(first * 2 - served().length) <= 2, `${first} of ${served().length} to broker 1`)
    })
  }
})

describe('inFlightBytes', () => {
  test('bounds what is under way; the first submission always fits', () => {
    const world = oneBroker(4, {
      inFlightBytes: 1000,
      window: { linger: 0, maxBytes: 400, maxPartitions: 9 },
    })
    world.sends(world.client(), { to: 't/0', size: 5000 })
    assert.deepEqual(world.underWay, ['1: t/0'])
    world.leaders('t', [1, 2, 2, 2])
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['1: t/0'])
    world.answers()
    assert.deepEqual(world.underWay, ['2: t/1'])
    assert.equal(world.engine.inFlightBytes, 100)
  })

  test('is shared by the brokers in turn', () => {
    const { world, feed, served } = twoBrokers({ inFlightBytes: 500 })
    for (let i = 0; i < 40; i++) {
      feed(600)
      assert.ok(world.requests.length <= 2)
      world.answers()
      world.after(1)
    }
    const first = served().filter((broker) => broker === 1).length
    assert.ok(Math.abs(first * 2 - served().length) <= 4, `${first} of ${served().length} to broker 1`)
  })

  test('counts to nothing when everything is answered or broken', () => {
    const world = oneBroker(3)
    for (const to of ['t/0', 't/1']) world.sends(world.client(), { to, size: 700 })
    assert.equal(world.engine.inFlightBytes, 700)
    world.answers()
    world.closes(world.requests[0]!.lane)
    assert.equal(world.engine.inFlightBytes, 0)
  })
})

describe('a broker that asks for a pause (KIP-219)', () => {
  test('gets nothing until it is over', () => {
    const world = oneBroker(2)
    world.sends(world.client(), { to: 't/0' })
    world.answers(result(), { throttleMs: 700 })
    world.sends(world.client(), { to: 't/1' })
    world.after(699)
    assert.deepEqual(world.underWay, [])
    world.after(2)
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('slows its clients by their share of the bytes', () => {
    const world = oneBroker(2)
    const [small, large] = [100, 900].map((size, i) => world.arrives(world.client(), { to: `t/${i}`, size }))
    world.turn()
    world.answers(result(), { throttleMs: 500 })
    assert.deepEqual([small!.throttleMs, large!.throttleMs], [50, 450])
  })

  test('other brokers are not held up', () => {
    const world = oneBroker(2)
    world.leaders('t', [1, 2])
    world.sends(world.client(), { to: 't/0' })
    world.answers(result(), { throttleMs: 700 })
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['2: t/1'])
  })
})

describe('lanes', () => {
  test('one is opened on use, and reopened when it broke', () => {
    const world = oneBroker()
    assert.equal(world.engine.lanes.count, 1)
    world.sends(world.client(), { to: 't/0' })
    world.closes(world.requests[0]!.lane)
    assert.equal(world.engine.lanes.count, 0)
    const batch = world.sends(world.client(), { to: 't/0' })
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('that are all busy cause no work: what arrives meanwhile leaves with the next answer', () => {
    const world = oneBroker(3)
    world.sends(world.client(), { to: 't/0' })
    const looks = world.flushes
    const later = [1, 2].map((i) => world.sends(world.client(), { to: `t/${i}` }))
    assert.equal(world.flushes, looks)
    world.answers()
    assert.deepEqual(world.underWay, ['1: t/1 t/2'])
    world.answers()
    assert.deepEqual(later.map(fate), [0, 0])
  })

  test('are added while every one is busy and leaves something over, up to the grant', () => {
    const world = oneBroker(40, { lanes: 3, window: { linger: 0, maxBytes: 1 << 20, maxPartitions: 5 } })
    const clients = Array.from({ length: 40 }, () => world.client())
    const most: number[] = []
    for (let round = 0; round < 200; round++) {
      for (const [i, client] of clients.entries()) {
        if (client.unanswered === 0) world.arrives(client, { to: `t/${i}` })
      }
      world.turn()
      most.push(world.requests.length)
      world.answers()
      world.after(1)
    }
    assert.equal(most[5], 1, 'waiting alone is no reason')
    assert.equal(Math.max(...most), 3)
    assert.equal(world.engine.lanes.count, 3)
  })

  test('are not added for producers that one lane can carry', () => {
    const world = oneBroker(40)
    const clients = Array.from({ length: 40 }, () => world.client())
    for (let round = 0; round < 200; round++) {
      for (const [i, client] of clients.entries()) {
        if (client.unanswered === 0) world.arrives(client, { to: `t/${i}` })
      }
      world.turn()
      world.answers()
      world.after(1)
    }
    assert.equal(world.engine.lanes.count, 1)
  })

  test('are closed when a smaller grant comes, at the end of what they carry', () => {
    const world = oneBroker(3)
    world.sends(world.client(), { to: 't/0' })
    world.after(250)
    world.sends(world.client(), { to: 't/1' })
    assert.equal(world.engine.lanes.count, 2)
    world.engine.settings = { ...world.engine.settings, lanes: 1 }
    const batches = world.requests.map(({ submission }) => submission.batches[0]!)
    world.answers()
    world.answers()
    assert.deepEqual(batches.map(fate), [0, 0])
    assert.equal(world.engine.lanes.count, 1)
  })

  test('are closed after a minute without work', () => {
    const world = oneBroker()
    world.after(50_000)
    assert.equal(world.engine.lanes.count, 1)
    world.after(30_000)
    assert.equal(world.engine.lanes.count, 0)
  })

  test('held up by suspect partitions leave one to the others', () => {
    const world = oneBroker(6, { lanes: 2 })
    for (const i of [0, 1, 2, 3]) world.engine.partition('t', i).suspect = true
    world.sends(world.client(), { to: 't/5' })
    world.after(250)
    world.answers()
    assert.equal(world.engine.lanes.count, 2)
    for (const to of ['t/0', 't/1', 't/2', 't/4']) world.arrives(world.client(), { to })
    world.turn()
    assert.deepEqual(world.underWay.toSorted(), ['1: t/0', '1: t/4'])
  })

  test('held up by suspect partitions may be several, while one more is free', () => {
    const world = oneBroker(6, { lanes: 3 })
    for (const i of [0, 1, 2]) world.engine.partition('t', i).suspect = true
    for (const to of ['t/4', 't/5']) {
      world.sends(world.client(), { to })
      world.after(250)
    }
    while (world.requests.length > 0) world.answers()
    assert.equal(world.engine.lanes.count, 3)
    for (const to of ['t/0', 't/1', 't/2']) world.arrives(world.client(), { to })
    world.turn()
    assert.deepEqual(world.underWay, ['1: t/0', '1: t/1'])
  })

  test('left to the others are found by both acks classes', () => {
    const world = oneBroker(6, { lanes: 2 })
    for (const i of [0, 1]) world.engine.partition('t', i).suspect = true
    world.sends(world.client(), { to: 't/5' })
    world.after(250)
    world.answers()
    for (const to of ['t/0', 't/1']) world.sends(world.client(), { to })
    world.after(1)
    world.sends(world.client(), { to: 't/4', acks: 1 })
    assert.deepEqual(world.underWay, ['1: t/0', '1: t/4'])
  })
})

describe('what nobody writes to any more', () => {
  test('is forgotten: a partition that never was there at once, others after a while', () => {
    const world = oneBroker()
    const client = world.client()
    const real = world.engine.partition('t', 0)
    const bogus = world.engine.partition('u', 0)
    world.sends(client, { to: 'u/0', wait: 1000 })
    assert.equal(world.engine.partition('u', 0), bogus, 'a batch waits for it')
    world.after(1100)
    assert.notEqual(world.engine.partition('u', 0), bogus)
    assert.equal(world.engine.partition('t', 0), real)
  })

  test('does not count as a place where batches are to be expected', () => {
    const world = new World()
    const client = world.client()
    world.sends(client, { to: 't/0' })
    world.leaders('t', [1])
    const broker = world.engine.brokers.get(1)!
    assert.equal(broker.partitions, 1)
    world.answers()
    world.engine.detach(client)
    world.after(Limits.unusedPartitionMs / 2)
    assert.equal(broker.partitions, 1, 'clients come and go')
    world.after(Limits.unusedPartitionMs)
    world.engine.onWake()
    assert.equal(broker.partitions, 0)
    world.sends(world.client(), { to: 't/0' })
    world.leaders('t', [1])
    assert.equal(broker.partitions, 1)
  })
})
