import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Batch } from '#batcher/batch.ts'
import { Client } from '#batcher/client.ts'
import { Partition } from '#batcher/partition.ts'
import { backoffMs, expiryCode, judge, mayRetry, type Verdict } from '#batcher/retry.ts'
import { Submission } from '#batcher/submission.ts'
import { batchBytes } from '#test/batcher/world.ts'

/** Error code, verdict without a base offset, verdict with one (raised after the append). */
const VERDICTS: [code: number, rejected: Verdict, appended: Verdict][] = [
  [0, 'stored', 'stored'],
  [3, 'leader', 'unknown'],
  [5, 'leader', 'unknown'],
  [6, 'leader', 'unknown'],
  [9, 'leader', 'unknown'],
  [74, 'leader', 'unknown'],
  [19, 'again', 'unknown'],
  [7, 'unknown', 'unknown'],
  [13, 'unknown', 'unknown'],
  [20, 'unknown', 'unknown'],
  [56, 'unknown', 'unknown'],
  [2, 'final', 'final'],
  [10, 'final', 'final'],
  [17, 'final', 'final'],
  [29, 'final', 'final'],
  [32, 'final', 'final'],
  [45, 'final', 'final'],
  [46, 'final', 'final'],
  [47, 'final', 'final'],
  [87, 'final', 'final'],
  [-1, 'final', 'final'],
]

const batchOf = (pid: number) => {
  const timing = { arrivedAt: 0, wholeAt: 0, deadline: 1000 }
  return new Batch(new Client(), new Partition('t', 0), -1, batchBytes({ pid }), timing, { answered() {} })
}

describe('what an upstream answer means', () => {
  for (const [code, rejected, appended] of VERDICTS) {
    test(`error ${code}: ${rejected}, with a base offset: ${appended}`, () => {
      assert.equal(judge(code, -1), rejected)
      assert.equal(judge(code, 1234), appended)
      assert.equal(judge(code, 0), appended, 'offset 0 is an offset')
    })
  }
})

test('only a batch with a producer id may be sent again when nobody knows what became of it', () => {
  const [idempotent, plain] = [batchOf(0), batchOf(-1)]
  for (const verdict of ['leader', 'again'] as const) {
    assert.equal(mayRetry(verdict, idempotent), true)
    assert.equal(mayRetry(verdict, plain), true)
  }
  assert.equal(mayRetry('unknown', idempotent), true)
  assert.equal(mayRetry('unknown', plain), false)
  for (const verdict of ['stored', 'final'] as const) assert.equal(mayRetry(verdict, idempotent), false)
})

test('a batch whose time is over is told 19 only if it was surely not appended', () => {
  const batch = batchOf(-1)
  assert.equal(expiryCode(batch), 19)
  batch.submission = new Submission(0, [batch], 100, 0)
  assert.equal(expiryCode(batch), 7, 'on its way')
  batch.submission = null
  batch.outcomeUnknown = true
  assert.equal(expiryCode(batch), 7, 'was on its way')
})

test('the pause before a retry doubles from 20 ms to 1 s, and chance takes up to a half of it', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 7, 50].map((attempts) => backoffMs(attempts, 0)),
    [20, 40, 80, 640, 1000, 1000],
  )
  assert.equal(backoffMs(1, 0.999_999) > 9.99, true)
  assert.equal(backoffMs(7, 0.5), 750)
})
