import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Producer } from '#batcher/client.ts'
import { Pair } from '#batcher/pair.ts'
import { PairTable } from '#batcher/pair-table.ts'
import { Partition } from '#batcher/partition.ts'

test('pairs are found by their partition, few or many, and forgotten', () => {
  const producer = new Producer('', -1, -1)
  const pairs = Array.from({ length: 30 }, (_, i) => new Pair(producer, new Partition('t', i)))
  for (const most of [1, 8, 9, 30]) {
    const table = new PairTable()
    const kept = pairs.slice(0, most)
    for (const pair of kept) table.add(pair)
    for (const pair of pairs) assert.equal(table.get(pair.partition), kept.includes(pair) ? pair : undefined)
    while (kept.length > 0) {
      assert.equal(table.size, kept.length)
      assert.deepEqual(new Set(table.all()), new Set(kept))
      const [gone] = kept.splice(kept.length >> 1, 1)
      table.delete(gone!)
      table.delete(gone!)
      assert.equal(table.get(gone!.partition), undefined)
      for (const pair of kept) assert.equal(table.get(pair.partition), pair)
    }
    assert.equal(table.size, 0)
    table.add(pairs[3]!)
    assert.equal(table.get(pairs[3]!.partition), pairs[3])
  }
})
