import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBatches, fate, oneBroker, result } from '#test/batcher/world.ts'

/** A producer whose batch 5 failed with `code` while 6 and 7 waited behind it. */
function failed(code: number) {
  const world = oneBroker()
  const client = world.client()
  const sends = (seq: number, more = {}) => world.sends(client, { to: 't/0', pid: 9, seq, ...more })
  const batches = [sends(5), sends(6), sends(7)]
  world.answers(result(code))
  return { world, client, sends, batches }
}

describe('never a hole', () => {
  test('everything behind a failed batch is answered 19, in order, unsent', () => {
    const { world, batches } = failed(10)
    assert.deepEqual(batches.map(fate), [10, 19, 19])
    assertBatches(world.answered, batches)
    assert.equal(world.sent.length, 1)
  })

  test('what comes later is answered 19 too', () => {
    const { world, sends } = failed(10)
    assert.equal(fate(sends(8)), 19)
    assert.equal(fate(sends(9)), 19)
    assert.equal(world.sent.length, 1)
  })

  test('the failed sequence may come again, and what was held behind it; then it is lifted', () => {
    const { world, sends } = failed(10)
    const again = [sends(5), sends(6), sends(7), sends(8)]
    for (const batch of again) {
      assert.equal(fate(batch), 'waiting')
      world.answers()
      assert.equal(fate(batch), 0)
    }
  })

  test('something new between them is held: its client had not read all of our answers', () => {
    const { world, sends } = failed(10)
    const again = sends(5)
    const early = sends(8)
    assert.deepEqual([again, early].map(fate), ['waiting', 19])
    const rest = [sends(6), sends(7), sends(8)]
    for (let i = 0; i < 4; i++) world.answers()
    assert.deepEqual(rest.map(fate), [0, 0, 0])
  })

  test('sequences go round at 2^31', () => {
    const world = oneBroker()
    const client = world.client()
    const sends = (seq: number) => world.sends(client, { to: 't/0', pid: 9, seq })
    const last = 2 ** 31 - 1
    const batches = [sends(last), sends(0), sends(1)]
    world.answers(result(10))
    assert.deepEqual(batches.map(fate), [10, 19, 19])
    const again = [sends(last), sends(0)]
    assert.equal(fate(sends(2)), 19, '1 is missing')
    again.push(sends(1), sends(2))
    for (let i = 0; i < 4; i++) world.answers()
    assert.deepEqual(again.map(fate), [0, 0, 0, 0])
  })

  test('another epoch lifts it', () => {
    const { sends } = failed(10)
    assert.equal(fate(sends(8)), 19)
    assert.equal(fate(sends(0, { epoch: 1 })), 'waiting')
  })

  test('a batch that it has answered before lifts it: the client gave the failed one up', () => {
    const { world, sends } = failed(10)
    const again = sends(6)
    assert.equal(fate(again), 'waiting')
    world.answers(result(45))
    assert.equal(fate(again), 45, 'also when that word is 45')
  })

  test('another error of the same kind guards anew', () => {
    const { world, sends } = failed(10)
    const [again, next] = [sends(5), sends(6)]
    world.answers(result(10))
    assert.deepEqual([again, next].map(fate), [10, 19])
  })

  test('the sequence found in the queue lifts it at once', () => {
    const world = oneBroker()
    const client = world.client()
    const sends = (seq: number) => world.sends(client, { to: 't/0', pid: 9, seq })
    const batches = [sends(5), sends(6), sends(5), sends(6)]
    world.answers(result(2))
    assert.deepEqual(batches.map(fate), [2, 19, 'waiting', 'waiting'])
    assertBatches(world.requests[0]!.submission.batches, [batches[2]])
  })

  test('a batch refused at ingress takes its place in the queue and guards from there', () => {
    const world = oneBroker()
    const client = world.client()
    const sends = (seq: number, more = {}) => world.sends(client, { to: 't/0', pid: 9, seq, ...more })
    const batches = [sends(5), sends(6, { refusal: 87 }), sends(7)]
    assert.deepEqual(batches.map(fate), ['waiting', 'waiting', 'waiting'])
    world.answers()
    assert.deepEqual(batches.map(fate), [0, 87, 19])
    assert.equal(world.sent.length, 1)
  })

  test('it holds for one client connection and one partition only', () => {
    const { world, client, sends } = failed(10)
    world.leaders('t', [1, 1])
    const elsewhere = world.sends(client, { to: 't/1', pid: 9, seq: 0 })
    const other = world.sends(world.client(), { to: 't/0', pid: 9, seq: 5 })
    assert.deepEqual([elsewhere, other].map(fate), ['waiting', 'waiting'])
    assert.equal(fate(sends(8)), 19)
  })

  test('producers without an id go on after a failure', () => {
    const world = oneBroker()
    const client = world.client()
    const batches = [world.sends(client, { to: 't/0' }), world.sends(client, { to: 't/0' })]
    world.answers(result(10))
    world.answers()
    assert.deepEqual(batches.map(fate), [10, 0])
  })
})
