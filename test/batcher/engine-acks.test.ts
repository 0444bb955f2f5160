import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBatches, fate, oneBroker, result, World } from '#test/batcher/world.ts'

describe('an ack', () => {
  test('comes only after the upstream’s, with the upstream’s offset', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.after(5000)
    assert.equal(fate(batch), 'waiting')
    world.answers({ ...result(0, 77), logAppendTimeMs: 123, logStartOffset: 4 })
    assert.equal(fate(batch), 0)
    assert.deepEqual([batch.baseOffset, batch.logAppendTimeMs, batch.logStartOffset], [77, 123, 4])
  })

  test('tells how long the upstream took', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.after(30)
    world.answers()
    assert.equal(batch.answeredAt - batch.submittedAt, 30)
  })

  test('lets the bytes go, but not before', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', size: 300 })
    assert.equal(batch.bytes.length, 300)
    world.answers()
    assert.equal(batch.bytes.length, 0)
    assert.equal(batch.size, 300)
  })

  test('of one batch in a submission is its own: others may fail', () => {
    const world = oneBroker(3)
    const batches = [0, 1, 2].map((i) => world.arrives(world.client(), { to: `t/${i}` }))
    world.turn()
    world.answers([result(0, 1), result(10), result(0, 3)])
    assert.deepEqual(batches.map(fate), [0, 10, 0])
    assert.deepEqual([batches[0]!.baseOffset, batches[2]!.baseOffset], [1, 3])
    assert.equal(batches[1]!.errorMessage, 'error 10')
  })

  test('comes exactly once, however the upstream ends', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', pid: 1, seq: 0, wait: 1000 })
    const { lane } = world.requests[0]!
    world.after(1100)
    assert.equal(fate(batch), 7)
    world.answers()
    world.closes(lane)
    world.after(30_000)
    assertBatches(world.answered, [batch])
    assert.equal(world.engine.waiting, 0)
  })
})

describe('a pair', () => {
  test('has one batch in flight, and the next one follows the answer', () => {
    const world = oneBroker()
    const client = world.client()
    const batches = [0, 1, 2].map((seq) => world.sends(client, { to: 't/0', pid: 1, seq }))
    for (const batch of batches) {
      assert.equal(world.requests.length, 1)
      assertBatches(world.requests[0]!.submission.batches, [batch])
      world.answers()
    }
    assert.deepEqual(batches.map(fate), [0, 0, 0])
  })

  test('spans the acks classes', () => {
    const world = oneBroker()
    const client = world.client()
    const acks = [-1, 1, 0, -1] as const
    const batches = acks.map((each) => world.sends(client, { to: 't/0', acks: each }))
    for (const [i, batch] of batches.entries()) {
      assertBatches(world.requests[0]!.submission.batches, [batch])
      assert.equal(world.requests[0]!.submission.acksClass, acks[i] === -1 ? 0 : 1)
      world.answers()
    }
  })

  test('takes turns with the other pairs of its partition', () => {
    const world = oneBroker()
    const [greedy, modest] = [world.client(), world.client()]
    const many = Array.from({ length: 5 }, () => world.arrives(greedy, { to: 't/0' }))
    const one = world.arrives(modest, { to: 't/0' })
    world.turn()
    assertBatches(world.requests[0]!.submission.batches, [many[0]])
    world.answers()
    assertBatches(world.requests[0]!.submission.batches, [one])
  })
})

describe('the acks classes', () => {
  test('never share a submission; 0 goes with 1', () => {
    const world = oneBroker(4)
    for (const [i, acks] of ([-1, 1, 0, -1] as const).entries()) {
      world.arrives(world.client(), { to: `t/${i}`, acks })
    }
    world.turn()
    assert.deepEqual(world.underWay, ['1: t/0 t/3'])
    world.answers()
    assert.deepEqual(world.underWay, ['1: t/1 t/2'])
    assert.equal(world.requests[0]!.submission.acksClass, 1)
  })

  test('the one whose batch has waited longest goes first', () => {
    const world = oneBroker(3)
    world.sends(world.client(), { to: 't/0' })
    world.sends(world.client(), { to: 't/1', acks: 1 })
    world.after(1)
    world.sends(world.client(), { to: 't/2' })
    world.answers()
    assert.deepEqual(world.underWay, ['1: t/1'])
  })

  test('acks=0 that fails is told as failed, so that its connection can be closed', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0', acks: 0 })
    world.answers(result(10))
    assert.equal(fate(batch), 10)
  })
})

describe('an unknown outcome', () => {
  test('without a producer id the batch is never sent again: 7', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.closes(world.requests[0]!.lane)
    assert.equal(fate(batch), 7)
    world.after(5000)
    assert.equal(world.sent.length, 1)
  })

  test('if nothing was written, it is sent again', () => {
    const world = oneBroker()
    const batch = world.sends(world.client(), { to: 't/0' })
    world.closes(world.requests[0]!.lane, false)
    world.after(100)
    assert.equal(world.sent.length, 2)
    world.answers()
    assert.equal(fate(batch), 0)
  })

  test('with a producer id the same bytes are sent again, and the next of the pair waits', () => {
    const world = oneBroker()
    const client = world.client()
    const [first, second] = [0, 1].map((seq) => world.sends(client, { to: 't/0', pid: 1, seq }))
    const bytes = first!.bytes
    world.closes(world.requests[0]!.lane)
    world.after(100)
    assertBatches(world.requests[0]!.submission.batches, [first])
    assert.equal(first!.bytes, bytes)
    world.answers()
    world.answers()
    assert.deepEqual(
      [first, second].map((batch) => fate(batch!)),
      [0, 0],
    )
  })

  test('an answer that leaves a batch out is one', () => {
    const world = oneBroker(2)
    const batches = [0, 1].map((i) => world.arrives(world.client(), { to: `t/${i}` }))
    world.turn()
    world.answers([result(), null])
    assert.deepEqual(batches.map(fate), [0, 7])
  })

  test('NOT_LEADER after the append is one: 7 without a producer id, sent again with one', () => {
    const world = oneBroker()
    const plain = world.sends(world.client(), { to: 't/0' })
    world.answers(result(6, 55))
    assert.equal(fate(plain), 7)
    const idempotent = world.sends(world.client(), { to: 't/0', pid: 1, seq: 0 })
    world.answers(result(6, 56))
    assert.equal(fate(idempotent), 'waiting')
    world.after(100)
    world.answers()
    assert.equal(fate(idempotent), 0)
  })

  test('a batch answered 7 keeps its place: the next of its pair waits for its submission', () => {
    const world = oneBroker()
    const client = world.client()
    const late = world.sends(client, { to: 't/0', wait: 1000 })
    const next = world.sends(client, { to: 't/0' })
    world.after(1100)
    assert.deepEqual([late, next].map(fate), [7, 'waiting'])
    assert.equal(world.sent.length, 1)
    world.answers()
    assertBatches(world.requests[0]!.submission.batches, [next])
  })
})

describe('a client that leaves', () => {
  test('takes along what was not sent, as a suffix; what was sent goes on', () => {
    const world = oneBroker()
    const client = world.client()
    const batches = [0, 1, 2].map((seq) => world.sends(client, { to: 't/0', pid: 1, seq }))
    world.engine.detach(client)
    assert.deepEqual(batches.map(fate), ['waiting', 19, 19])
    world.answers()
    assert.equal(world.sent.length, 1)
    assert.equal(fate(batches[0]!), 0)
  })

  test('leaves its acks=0 batches: nobody else will send them', () => {
    const world = oneBroker()
    const client = world.client()
    const batches = ([0, 1, 0] as const).map((acks) => world.sends(client, { to: 't/0', acks }))
    world.engine.detach(client)
    world.answers()
    world.answers()
    assert.deepEqual(batches.map(fate), [0, 19, 0])
  })

  test('does not touch the batches of others, also of its own producer id on another connection', () => {
    const world = oneBroker()
    const [old, young] = [world.client(), world.client()]
    world.sends(old, { to: 't/0', pid: 1, seq: 0 })
    const unsent = world.sends(old, { to: 't/0', pid: 1, seq: 1 })
    const again = [0, 1].map((seq) => world.sends(young, { to: 't/0', pid: 1, seq }))
    world.engine.detach(old)
    assert.equal(fate(unsent), 19)
    for (let i = 0; i < 3; i++) world.answers()
    assert.deepEqual(again.map(fate), [0, 0])
  })

  test('is forgotten when its last batch is answered', () => {
    const world = new World()
    const client = world.client()
    world.sends(client, { to: 't/0', pid: 1, seq: 0, acks: 0 })
    const partition = world.engine.partition('t', 0)
    world.leaders('t', [1])
    world.engine.detach(client)
    assert.equal(partition.pairs.length, 1)
    world.answers()
    assert.equal(partition.pairs.length, 0)
  })
})
