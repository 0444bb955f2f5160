import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBatches, fate, oneBroker, result, World } from '#test/batcher/world.ts'

describe('at its deadline a batch is answered', () => {
  test('19 if it was never sent: no leader is known', () => {
    const world = new World()
    const batch = world.sends(world.client(), { to: 't/0', wait: 3000 })
    assert.deepEqual(world.asked(), ['t'])
    world.after(2999)
    assert.equal(fate(batch), 'waiting')
    world.after(30)
    assert.equal(fate(batch), 19)
  })

  test('19 if it was never sent: the leader accepts no connection', () => {
    const world = new World()
    world.dead.add(1)
    const batch = world.sends(world.client(), { to: 't/0', wait: 3000 })
    world.leaders('t', [1])
    world.after(3030)
    assert.equal(fate(batch), 19)
    assert.equal(world.sent.length, 0)
  })

  test('19 if it was surely not appended', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', wait: 3000 })
    for (let i = 0; i < 100 && !batch.answered; i++) {
      if (world.requests.length > 0) world.answers(result(19))
      world.after(50)
    }
    assert.equal(fate(batch), 19)
    assert.ok(world.sent.length > 3, 'it was tried again and again')
    assert.equal(batch.errorMessage, null, 'what an earlier attempt was told is not passed on')
  })

  test('7 if it is on its way', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', wait: 3000 })
    world.after(3030)
    assert.equal(fate(batch), 7)
  })

  test('7 if it was on its way once, and nobody knows what became of it', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', pid: 1, seq: 0, wait: 3000 })
    world.dead.add(1)
    world.closes(world.requests[0]!.lane)
    world.after(3030)
    assert.equal(fate(batch), 7)
  })

  test('19 behind a batch answered 7, if it has a producer id', () => {
    const world = oneBroker()
    const client = world.client()
    const batches = [0, 1].map((seq) =>
      world.sends(client, { to: 't/0', pid: 1, seq, wait: 3000 + seq * 5000 }),
    )
    world.after(3030)
    assert.deepEqual(batches.map(fate), [7, 19])
  })

  test('in the order in which they came, when several are late at once', () => {
    const world = new World()
    const client = world.client()
    const batches = [0, 1, 2].map((seq) => world.arrives(client, { to: 't/0', pid: 1, seq, wait: 3000 }))
    world.after(3030)
    assertBatches(world.answered, batches)
    assert.deepEqual(batches.map(fate), [19, 19, 19])
    const again = world.sends(client, { to: 't/0', pid: 1, seq: 0 })
    const early = world.sends(client, { to: 't/0', pid: 1, seq: 3 })
    assert.deepEqual([again, early].map(fate), ['waiting', 19], 'its client has not read of 1 and 2 yet')
  })
})

describe('errors of leadership are ours to mend', () => {
  for (const code of [3, 5, 6, 9, 19, 74]) {
    test(`a broker’s ${code} when the time is over is told as 19`, () => {
      const world = oneBroker()
      const batch = world.sends(world.client(), { to: 't/0', wait: 1000 })
      world.now += 1001
      world.answers(result(code))
      assert.equal(fate(batch), 19)
    })
  }

  for (const code of [7, 13, 56]) {
    test(`a broker’s ${code} for a batch without producer id is told as 7`, () => {
      const world = oneBroker()
      const batch = world.sends(world.client(), { to: 't/0' })
      world.answers(result(code))
      assert.equal(fate(batch), 7)
    })
  }

  test('20 is the cluster’s own word', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.answers(result(20))
    assert.equal(fate(batch), 20)
  })
})

describe('a submission', () => {
  test('carries the longest remaining time of its batches as TimeoutMs', () => {
    const world = oneBroker(2)
    world.arrives(world.client(), { to: 't/0', wait: 3000 })
    world.arrives(world.client(), { to: 't/1', wait: 9000 })
    world.turn()
    assert.equal(world.requests[0]!.submission.timeoutMs, 9000)
  })

  test('unanswered a second after that closes its lane, and its pairs are free', () => {
    const world = oneBroker()
    const client = world.client()
    world.sends(client, { to: 't/0', wait: 3000 })
    const next = world.sends(client, { to: 't/0', wait: 20_000 })
    const { lane } = world.requests[0]!
    world.after(3990)
    assert.notEqual(lane.state, 'closed')
    world.after(50)
    assert.equal(lane.state, 'closed')
    assertBatches(world.requests.at(-1)!.submission.batches, [next])
  })
})

describe('while no broker of the cluster can be reached', () => {
  const unreachable = () => {
    const world = new World()
    world.engine.breakerOpen = true
    return world
  }

  test('a batch is held for 5 s, not for its whole time', () => {
    const world = unreachable()
    const batch = world.sends(world.client(), { to: 't/0', wait: 20_000 })
    world.after(4990)
    assert.equal(fate(batch), 'waiting')
    world.after(150)
    assert.equal(fate(batch), 19)
  })

  test('its deadline may come sooner', () => {
    const world = unreachable()
    const batch = world.sends(world.client(), { to: 't/0', wait: 2000 })
    world.after(2030)
    assert.equal(fate(batch), 19)
  })

  test('what was sent waits for its answer', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', wait: 20_000 })
    world.engine.breakerOpen = true
    world.after(10_000)
    assert.equal(fate(batch), 'waiting')
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('it goes on when the cluster is back', () => {
    const world = unreachable()
    const batch = world.sends(world.client(), { to: 't/0', wait: 20_000 })
    world.after(3000)
    world.engine.breakerOpen = false
    world.after(4000)
    world.leaders('t', [1])
    world.answers()
    assert.equal(fate(batch), 0)
  })
})

test('at the end of a drain: 19 what was never sent, 7 what may be stored, and the rest waits', () => {
  const world = oneBroker(3)
  const client = world.client()
  const sent = world.sends(client, { to: 't/0' })
  const behind = world.sends(client, { to: 't/0' })
  const leaderless = world.sends(client, { to: 'u/0' })
  const unknown = world.sends(world.client(), { to: 't/1', pid: 1, seq: 0 })
  world.after(300)
  if (!unknown.submission) world.after(300)
  world.dead.add(1)
  world.closes(world.requests.find(({ carries }) => carries.includes('t/1'))!.lane)
  world.engine.refuseUnsent()
  assert.deepEqual([sent, behind, leaderless, unknown].map(fate), ['waiting', 19, 19, 7])
  world.answers()
  assert.equal(fate(sent), 0)
})
