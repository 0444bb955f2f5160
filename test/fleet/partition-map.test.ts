import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MapEntry, PartitionMap, type Reading } from '#fleet/partition-map.ts'

const reading = (counts: Record<string, number>, failed: string[] = []): Reading => ({
  topics: new Map(
    Object.entries(counts).map(([topic, partitions]) => [topic, { partitions, internal: false }]),
  ),
  failed,
})
const entry = (partitions: number, internal = false): MapEntry => ({ partitions, internal })

/** A map that has read `a` with 3 partitions and `b` with 5. */
function filled(): PartitionMap {
  const map = new PartitionMap()
  map.update(reading({ a: 3, b: 5 }))
  return map
}

test('the first reading is all news, the same one again is none', () => {
  const map = new PartitionMap()
  assert.deepEqual(map.update(reading({ a: 3, b: 5 })), { a: entry(3), b: entry(5) })
  assert.deepEqual(map.update(reading({ a: 3, b: 5 })), {})
  assert.deepEqual(map.whole(), { a: entry(3), b: entry(5) })
  assert.equal(map.partitions, 8)
})

test('new topics and more partitions are believed at once', () => {
  const map = filled()
  assert.deepEqual(map.update(reading({ a: 4, b: 5, c: 1 })), { a: entry(4), c: entry(1) })
})

test('a change of the internal flag is news', () => {
  const map = filled()
  const topics = new Map([
    ['a', entry(3, true)],
    ['b', entry(5)],
  ])
  assert.deepEqual(map.update({ topics, failed: [] }), { a: entry(3, true) })
})

test('a topic goes only after two readings in a row without it', () => {
  const map = filled()
  assert.deepEqual(map.update(reading({ a: 3 })), {})
  assert.ok(map.topics.has('b'))
  assert.deepEqual(map.update(reading({ a: 3 })), { b: null })
  assert.deepEqual([...map.topics.keys()], ['a'])
})

test('a reading with it in between begins anew', () => {
  const map = filled()
  map.update(reading({ a: 3 }))
  map.update(reading({ a: 3, b: 5 }))
  assert.deepEqual(map.update(reading({ a: 3 })), {})
})

test('a count falls only after two readings in a row that say the same', () => {
  const map = filled()
  assert.deepEqual(map.update(reading({ a: 2, b: 5 })), {})
  assert.deepEqual(map.update(reading({ a: 1, b: 5 })), {}, 'another number is another doubt')
  assert.equal(map.topics.get('a')!.partitions, 3)
  assert.deepEqual(map.update(reading({ a: 1, b: 5 })), { a: entry(1) })
})

test('topics that could not be read keep their entries, however often', () => {
  const map = filled()
  for (let i = 0; i < 5; i++) assert.deepEqual(map.update(reading({ a: 3 }, ['b'])), {})
  assert.equal(map.topics.get('b')!.partitions, 5)
})

test('a failure between two readings without a topic is no second word', () => {
  const map = filled()
  map.update(reading({ a: 3 }))
  map.update(reading({ a: 3 }, ['b']))
  assert.deepEqual(map.update(reading({ a: 3 })), {})
})

test('what was learned elsewhere is applied, and takes a doubt away', () => {
  const map = filled()
  map.update(reading({ a: 3 }))
  map.apply({ b: entry(6), c: entry(1) })
  assert.deepEqual(map.update(reading({ a: 3, c: 1 })), {}, 'b was just seen')
  map.apply({ a: null })
  assert.ok(!map.topics.has('a'))
})

test('any legal name is a topic', () => {
  const map = new PartitionMap()
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const topics = new Map([...map.topics, [name, entry(2)] as const])
    assert.deepEqual(Object.keys(map.update({ topics, failed: [] })), [name])
    assert.deepEqual(Object.getOwnPropertyDescriptor(map.whole(), name)?.value, entry(2))
  }
})
