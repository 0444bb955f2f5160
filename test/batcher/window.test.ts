import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '#batcher/batch.ts'
import { Partition } from '#batcher/partition.ts'
import { Submission } from '#batcher/submission.ts'
import { Window } from '#batcher/window.ts'
import { ready } from '#test/batcher/ready.ts'
import { assertBatches } from '#test/batcher/world.ts'

const WIDE = { maxBytes: 1 << 20, maxPartitions: 100 }
const partitions = (count: number) => Array.from({ length: count }, (_, index) => new Partition('t', index))

/** What is taken is on its way: its pair is not ready any more. */
function close(window: Window, limits = WIDE, now = 10, suspects = true): Batch[] {
  const { batches, bytes } = window.close(limits, now, suspects)
  for (const batch of batches) batch.pair!.state = 'inFlight'
  assert.equal(
    bytes,
    batches.reduce((sum, { size }) => sum + size, 0),
  )
  return batches
}

test('a window takes at most one batch per partition, and the pairs of a partition in turn', () => {
  const window = new Window(0)
  const [a, b] = partitions(2)
  const [a1, a2, a3] = [ready(window, a!), ready(window, a!), ready(window, a!)]
  const b1 = ready(window, b!)
  assert.equal(window.length, 2, 'partitions, not batches')
  assertBatches(close(window), [a1, b1])
  assertBatches(close(window), [a2])
  assertBatches(close(window), [a3])
  assertBatches(close(window), [])
  assert.equal(window.length, 0)
})

test('a window closes at maxBytes; the first batch always fits, and the rest waits in its order', () => {
  const window = new Window(0)
  const parts = partitions(4)
  const batches = [5000, 400, 400, 400].map((size, i) => ready(window, parts[i]!, { size }))
  const limits = { maxBytes: 900, maxPartitions: 100 }
  assertBatches(close(window, limits), [batches[0]])
  assertBatches(close(window, limits), [batches[1], batches[2]])
  assertBatches(close(window, limits), [batches[3]])
})

test('a window closes at maxPartitions', () => {
  const window = new Window(0)
  const batches = partitions(5).map((partition) => ready(window, partition))
  assertBatches(close(window, { maxBytes: 1 << 20, maxPartitions: 3 }), batches.slice(0, 3))
  assertBatches(close(window), batches.slice(3))
})

test('a partition that has more goes to the end: no partition starves', () => {
  const window = new Window(0)
  const [a, b] = partitions(2)
  const [a1] = [ready(window, a!), ready(window, a!)]
  const one = { maxBytes: 1 << 20, maxPartitions: 1 }
  assertBatches(close(window, one), [a1])
  const b1 = ready(window, b!)
  close(window, one)
  assertBatches(close(window, one), [b1])
})

test('a suspect rides alone, and the others do not wait for it', () => {
  const window = new Window(0)
  const [a, sick, b] = partitions(3)
  sick!.suspect = true
  const [a1, s1, b1] = [a, sick, b].map((partition) => ready(window, partition!))
  assertBatches(close(window), [a1, b1])
  const a2 = ready(window, a!)
  assertBatches(close(window), [s1], 'it kept its place before younger ones')
  assertBatches(close(window), [a2])
})

test('a suspect that may not ride now lets the others go first, and is not forgotten', () => {
  const window = new Window(0)
  const [sick, worse, a] = partitions(3)
  sick!.suspect = true
  worse!.suspect = true
  const [s1, w1, a1] = [sick, worse, a].map((partition) => ready(window, partition!))
  assertBatches(close(window, WIDE, 10, false), [a1])
  assertBatches(close(window, WIDE, 10, false), [])
  assertBatches(close(window), [s1])
  assertBatches(close(window), [w1])
})

test('a partition whose submission is overdue enters no window', () => {
  const window = new Window(0)
  const [late] = partitions(1)
  const submission = new Submission(0, [], 0, 0)
  late!.overdue.add(submission)
  const batch = ready(window, late!)
  assert.equal(window.length, 0)
  late!.overdue.delete(submission)
  window.list(late!, 1)
  assertBatches(close(window), [batch])
})

test('batches that ceased to be ready are not taken', () => {
  const window = new Window(0)
  const [a, b] = partitions(2)
  const gone = ready(window, a!)
  const moved = ready(window, a!)
  const stays = ready(window, b!, { at: 7 })
  gone.pair!.state = 'idle'
  moved.pair!.readyClass = 1
  assert.equal(window.oldestReadyAt(), 7)
  assertBatches(close(window), [stays])
  assert.equal(window.oldestReadyAt(), Number.POSITIVE_INFINITY)
})

test('it knows since when it is open, and how much it holds', () => {
  const window = new Window(0)
  const [a, b] = partitions(2)
  ready(window, a!, { at: 100, size: 1000 })
  ready(window, b!, { at: 130, size: 500 })
  assert.equal(window.openedAt, 100)
  assert.equal(window.bytes, 1500)
  window.remove(b!)
  assert.equal(window.bytes, 1000)
  ready(window, a!, { size: 700 })
  close(window, WIDE, 140)
  assert.equal(window.openedAt, 140)
  assert.equal(window.bytes, 700, 'of what was left over')
})

test('it lingers until its time, until it lists enough, and until it holds enough', () => {
  const window = new Window(0)
  const [a, b, c] = partitions(3)
  ready(window, a!)
  assert.equal(window.heldUntil(10), 0, 'nobody said that it lingers')
  window.hold(15, 3, 1000)
  assert.equal(window.heldUntil(10), 15)
  assert.equal(window.heldUntil(15), 0)
  ready(window, b!)
  assert.equal(window.heldUntil(10), 15)
  ready(window, c!)
  assert.equal(window.heldUntil(10), 0, 'three partitions')
  window.remove(c!)
  ready(window, c!, { size: 800 })
  assert.equal(window.heldUntil(10), 0, '1,000 bytes')
  window.hold(15, 99, 9999)
  close(window)
  ready(window, a!)
  assert.equal(window.heldUntil(10), 0, 'it was closed')
})

test('a submission names each topic once, and lives as long as its last batch', () => {
  const window = new Window(0)
  const [a, b] = partitions(2)
  const other = new Partition('u', 0)
  const batches = [ready(window, a!), ready(window, other), ready(window, b!, { at: 50 })]
  const submission = new Submission(0, batches, 300, 1000)
  const groups = submission.byTopic
  assert.deepEqual([...groups.keys()], ['t', 'u'])
  assertBatches([...groups.get('t')!], [batches[0], batches[2]])
  assertBatches([...groups.get('u')!], [batches[1]])
  assertBatches([...submission.batches], [batches[0], batches[2], batches[1]])
  assert.equal(submission.timeoutMs, 10_050 - 1000)
  assert.equal(
    new Submission(0, batches, 300, 99_999).timeoutMs,
    1,
    'never 0: a broker would answer 7 at once',
  )
})
