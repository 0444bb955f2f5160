import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '#batcher/batch.ts'
import { BatchQueue } from '#batcher/batch-queue.ts'

test('it behaves as an array does, whatever comes', () => {
  const queue = new BatchQueue()
  const array: Batch[] = []
  let seed = 7
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fffffff) % below
  for (let step = 0; step < 20_000; step++) {
    const what = random(10)
    const known = array[random(array.length + 1)]
    if (what < 5) {
      const batch = { next: null, step } as unknown as Batch
      queue.push(batch)
      array.push(batch)
    } else if (what < 8) assert.equal(queue.shift(), array.shift() ?? null)
    else if (known) {
      assert.equal(queue.has(known), true)
      queue.remove(known)
      array.splice(array.indexOf(known), 1)
      assert.equal(known.next, null)
      assert.equal(queue.has(known), false)
    }
    assert.equal(queue.length, array.length)
    assert.equal(queue.peek(), array[0] ?? null)
    if (step % 100 === 0) assert.ok([...queue].every((batch, i) => batch === array[i]))
  }
})
