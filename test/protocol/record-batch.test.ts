import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBatchFault } from '#protocol/record-batch.ts'
import { plainBatch } from '#test/support/batches.ts'

test('whatever bit is flipped from the CRC on, the answer is 2: to be sent again', () => {
  const whole = plainBatch('value', 2, { producerId: 2n ** 62n + 7n, baseSequence: 3 })
  assert.equal(findBatchFault(whole, 9), null)
  for (let bit = 17 * 8; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(findBatchFault(damaged, 9)?.code, 2, `bit ${bit & 7} of byte ${bit >> 3}`)
  }
})
