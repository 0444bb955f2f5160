import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leaderSlot } from '#fleet/rendezvous.ts'

const SLOTS = [17, 4711, 90_210, 3, 1_048_000]
const PARTITIONS = Array.from({ length: 20_000 }, (_, i) => [`topic-${i >> 3}`, i & 7] as const)
const leaders = (slots: number[]): number[] => PARTITIONS.map(([topic, at]) => leaderSlot(topic, at, slots))

test('every node comes to the same leaders, in whatever order it knows the slots', () => {
  assert.deepEqual(leaders(SLOTS), leaders([...SLOTS].reverse()))
})

test('the partitions are spread evenly', () => {
  const counts = new Map(SLOTS.map((slot) => [slot, 0]))
  for (const slot of leaders(SLOTS)) counts.set(slot, counts.get(slot)! + 1)
  for (const [slot, count] of counts)
    assert.ok(count > 3600 && count < 4400, `${slot} leads ${count} of 20,000`)
})

test('the partitions of one topic are spread, too', () => {
  const topic = Array.from({ length: 60 }, (_, at) => leaderSlot('orders', at, SLOTS))
  assert.equal(new Set(topic).size, SLOTS.length)
})

test('when a slot goes, only its own partitions move, to all of the others', () => {
  const before = leaders(SLOTS)
  const gone = SLOTS[2]!
  const after = leaders(SLOTS.filter((slot) => slot !== gone))
  const heirs = new Set<number>()
  for (const [i, slot] of before.entries()) {
    if (slot === gone) heirs.add(after[i]!)
    else assert.equal(after[i], slot)
  }
  assert.equal(heirs.size, SLOTS.length - 1)
})

test('a node alone leads everything', () => {
  assert.equal(leaderSlot('any', 3, [42]), 42)
})
