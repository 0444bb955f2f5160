import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBatches, fate, oneBroker, result, World } from '#test/batcher/world.ts'

describe('a leader that is not known', () => {
  test('is asked for, and the batch leaves when it is', () => {
    const world = new World()
    const batch = world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.asked(), ['t'])
    assert.deepEqual(world.underWay, [])
    world.leaders('t', [1, 2])
    assert.deepEqual(world.underWay, ['2: t/1'])
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('is asked for again while there is none', () => {
    const world = new World()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.asked()
    world.leaders('t', [-1])
    assert.deepEqual(world.asked(), ['t'])
    world.leaders('t', [], 5)
    assert.deepEqual(world.asked(), ['t'])
    assert.equal(fate(batch), 'waiting')
    world.leaders('t', [1])
    assert.deepEqual(world.asked(), [])
  })
})

describe('a topic that the cluster does not know', () => {
  test('is asked for half a second, then its batches are answered 3', () => {
    const world = new World()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.leaders('t', [], 3)
    assert.equal(fate(batch), 'waiting')
    world.after(499)
    world.leaders('t', [], 3)
    assert.equal(fate(batch), 'waiting')
    world.after(1)
    world.leaders('t', [], 3)
    assert.equal(fate(batch), 3)
  })

  test('a partition beyond the last, or before the first, is no partition', () => {
    const world = new World()
    const [beyond, negative] = ['t/5', 't/-1'].map((to) => world.sends(world.client(), { to }))
    world.after(600)
    world.leaders('t', [1, 1])
    assert.deepEqual(
      [beyond, negative].map((batch) => fate(batch!)),
      [3, 3],
    )
    assert.deepEqual(world.asked().length, 1)
    world.leaders('t', [1, 1])
    assert.deepEqual(world.asked(), [], 'nobody waits for it any more')
  })

  test('17 and 29 are passed on as 3 is', () => {
    const world = new World()
    const batches = ['a/0', 'b/0'].map((to) => world.sends(world.client(), { to }))
    world.after(600)
    world.leaders('a', [], 17)
    world.leaders('b', [], 29)
    assert.deepEqual(batches.map(fate), [17, 29])
  })

  test('a batch that may be stored already is not answered 3', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', pid: 1, seq: 0 })
    world.closes(world.requests[0]!.lane)
    world.after(600)
    for (const { lane } of [...world.requests]) world.closes(lane)
    world.leaders('t', [], 3)
    assert.equal(fate(batch), 'waiting')
  })
})

describe('a leader that moves', () => {
  test('costs the client nothing but time', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.answers(result(6))
    assert.equal(fate(batch), 'waiting')
    assert.deepEqual(world.asked(), ['t'])
    world.leaders('t', [2])
    assert.deepEqual(world.underWay, ['2: t/0'], 'no pause: the leader is new')
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('while the old leader is still named, it is asked again after a pause', () => {
    const world = oneBroker()
    world.sends(world.client(), { to: 't/0' })
    world.answers(result(6))
    world.leaders('t', [1])
    assert.deepEqual(world.underWay, [])
    world.after(50)
    assert.deepEqual(world.underWay, ['1: t/0'])
  })

  test('takes what waits for the old one along', () => {
    const world = oneBroker(2, { lanes: 1 })
    world.sends(world.client(), { to: 't/0' })
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['1: t/0'])
    world.leaders('t', [1, 2])
    assert.deepEqual(world.underWay, ['1: t/0', '2: t/1'])
  })

  test('frees an idempotent batch from the old leader: the same bytes go to the new one', () => {
    const world = oneBroker()
    const client = world.client()
    const [first, second] = [0, 1].map((seq) => world.sends(client, { to: 't/0', pid: 1, seq }))
    world.leaders('t', [2])
    assert.deepEqual(world.underWay, ['1: t/0', '2: t/0'])
    world.answers(result(6), { request: world.requests[0]! })
    assert.equal(fate(first!), 'waiting', 'the old leader’s word no longer matters')
    world.answers(result(0, 9))
    assert.deepEqual([fate(first!), first!.baseOffset], [0, 9])
    assertBatches(world.requests[0]!.submission.batches, [second])
  })

  test('does not free a batch without producer id: it might be stored twice', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.leaders('t', [2])
    assert.deepEqual(world.underWay, ['1: t/0'])
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('frees the pair of a batch that was answered 7', () => {
    const world = oneBroker()
    const client = world.client()
    const late = world.sends(client, { to: 't/0', pid: 1, seq: 0, wait: 1000 })
    world.after(1030)
    const again = world.sends(client, { to: 't/0', pid: 1, seq: 0 })
    assert.deepEqual([late, again].map(fate), [7, 'waiting'])
    world.leaders('t', [2])
    assertBatches(world.requests.at(-1)!.submission.batches, [again])
  })
})

describe('a submission that takes far longer than the broker’s others', () => {
  const late = (to: string[], settings = {}) => {
    const world = oneBroker(4, settings)
    for (const each of to) world.arrives(world.client(), { to: each })
    world.turn()
    world.asked()
    world.after(250)
    return world
  }

  test('makes a further lane open, and the leaders are asked for anew', () => {
    const world = late(['t/0'])
    assert.deepEqual(world.asked(), ['t'])
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['1: t/0', '1: t/1'])
  })

  test('keeps its partition out of all windows until it is answered', () => {
    const world = late(['t/0'])
    world.sends(world.client(), { to: 't/0' })
    assert.deepEqual(world.underWay, ['1: t/0'])
    world.answers()
    assert.deepEqual(world.underWay, ['1: t/0'], 'now it may go')
  })

  test('with one lane granted the broker waits', () => {
    const world = late(['t/0'], { lanes: 1 })
    world.sends(world.client(), { to: 't/1' })
    assert.deepEqual(world.underWay, ['1: t/0'])
  })

  test('is judged by the broker’s own median: 4 times that is late', () => {
    const world = oneBroker(4)
    for (let i = 0; i < 40; i++) {
      world.sends(world.client(), { to: 't/0' })
      world.after(100)
      world.answers()
    }
    world.sends(world.client(), { to: 't/0' })
    world.after(390)
    assert.equal(world.engine.lanes.count, 1)
    world.after(40)
    assert.equal(world.engine.lanes.count, 2)
  })

  test('a partition answered 7 or 20 rides alone until it is in time', () => {
    for (const code of [7, 20]) {
      const world = oneBroker(3)
      world.sends(world.client(), { to: 't/0' })
      world.answers(result(code))
      const rides = () => {
        for (const to of ['t/0', 't/1', 't/2']) world.arrives(world.client(), { to })
        world.turn()
        const before = world.sent.length
        while (world.requests.length > 0) world.answers()
        return world.sent.slice(before - 1).map(({ carries }) => carries.join(' '))
      }
      assert.deepEqual(rides(), ['t/0', 't/1 t/2'])
      assert.deepEqual(rides(), ['t/0 t/1 t/2'])
    }
  })
})
