import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch } from '#batcher/batch.ts'
import { Client } from '#batcher/client.ts'
import { Deadlines } from '#batcher/deadlines.ts'
import { deadlineOf, Limits } from '#batcher/limits.ts'
import { Partition } from '#batcher/partition.ts'
import { assertBatches, batchBytes } from '#test/batcher/world.ts'

const client = new Client()
const partition = new Partition('t', 0)
const waiter = { answered() {} }

function batch(arrivedAt: number, wait: number): Batch {
  const timing = { arrivedAt, wholeAt: arrivedAt, deadline: arrivedAt + wait }
  return new Batch(client, partition, -1, batchBytes(), timing, waiter)
}

const deadlinesOf = (batches: Batch[]) => batches.map(({ deadline }) => deadline).sort((a, b) => a - b)

test('batches are due when their deadline has come, in whatever order they came', () => {
  const deadlines = new Deadlines()
  const all: Batch[] = []
  let seed = 3
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below
  for (let i = 0; i < 2000; i++) {
    const one = batch(10_000 + random(8000), 1000 + random(20) * 1000 + random(150))
    all.push(one)
    deadlines.add(one)
  }
  for (let now = 10_000; now < 40_000; now += 137) {
    const expected = all.filter((one) => one.deadline <= now && !one.answered)
    assert.deepEqual(deadlinesOf(deadlines.due(now)), deadlinesOf(expected))
    for (const one of expected.slice(0, 30)) {
      deadlines.remove(one)
      one.answered = true
    }
  }
  assert.equal(deadlines.length, all.filter((one) => !one.answered).length)
  assert.equal(deadlines.all().length, deadlines.length)
})

test('removing one does not disturb its neighbours', () => {
  const deadlines = new Deadlines()
  const [a, b, c] = [batch(0, 1000), batch(1, 1000), batch(2, 1000)]
  for (const one of [a, b, c]) deadlines.add(one)
  deadlines.remove(b)
  assertBatches(deadlines.due(5000), [a, c])
  deadlines.remove(a)
  deadlines.remove(c)
  assertBatches(deadlines.due(5000), [])
  assert.equal(deadlines.length, 0)
  deadlines.add(b)
  assertBatches(deadlines.all(), [b])
})

test('those with the same deadline come in the order in which they arrived', () => {
  const deadlines = new Deadlines()
  const batches = [batch(0, 1000), batch(5, 995), batch(10, 990), batch(1, 990)]
  for (const one of batches) deadlines.add(one)
  const expected = [batches[3], batches[0], batches[1], batches[2]]
  assertBatches(deadlines.due(2000), expected)
  assertBatches(deadlines.all(), expected)
})

test('those with different deadlines come the earliest first', () => {
  const deadlines = new Deadlines()
  const batches = [batch(0, 5000), batch(1, 1000), batch(2, 1005), batch(3, 3000)]
  for (const one of batches) deadlines.add(one)
  const expected = [batches[1], batches[2], batches[3], batches[0]]
  assertBatches(deadlines.due(9000), expected)
  assertBatches(deadlines.all(), expected)
})

test('it wakes after a long sleep', () => {
  const deadlines = new Deadlines()
  const late = batch(5e9, 1000)
  const first = batch(0, 1000)
  deadlines.add(first)
  assertBatches(deadlines.due(1e9), [first])
  deadlines.remove(first)
  deadlines.add(late)
  assertBatches(deadlines.due(4e9), [])
  assertBatches(deadlines.due(6e9), [late])
})

test('a deadline is a share of the client’s timeout, and never unfairly soon', () => {
  const times = { firstByteAt: 1000, wholeAt: 1200 }
  assert.equal(deadlineOf(times, 10_000, 20_000), 1000 + 0.7 * 10_000)
  assert.equal(deadlineOf(times, 60_000, 20_000), 1000 + 20_000, 'at most maxAckWait')
  assert.equal(deadlineOf(times, 0, 20_000), 1200 + Limits.minAckWaitMs, 'at least a second once it is whole')
  assert.equal(deadlineOf(times, -5, 20_000), 1200 + Limits.minAckWaitMs)
  assert.equal(deadlineOf({ firstByteAt: 0, wholeAt: 29_000 }, 30_000, 20_000), 30_000, 'a slow frame')
})
