import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergePatch } from '#dashboard/merge-patch.ts'
import { mergePatch as patchFrom } from '#status/merge-patch.ts'
import { madeUpState } from '#test/dashboard/fixture-state.ts'

/** Appendix A of RFC 7386: original, patch, result. */
const EXAMPLES: [unknown, unknown, unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

test('the examples of RFC 7386', () => {
  for (const [original, patch, result] of EXAMPLES) {
    assert.deepEqual(mergePatch(original, patch), result, JSON.stringify(patch))
  }
})

test('what was there stays as it was, and what is not touched is shared', () => {
  const before = { a: { b: 1 }, c: { d: 2 } }
  const after = mergePatch(before, { a: { b: 3 } })
  assert.deepEqual(before, { a: { b: 1 }, c: { d: 2 } })
  assert.deepEqual(after, { a: { b: 3 }, c: { d: 2 } })
  assert.equal(after.c, before.c)
})

test('a topic may be called __proto__', () => {
  const patch = JSON.parse('{ "topics": { "__proto__": { "polluted": true } } }')
  const after = mergePatch({ topics: {} }, patch)
  assert.deepEqual(Object.keys(after.topics), ['__proto__'])
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})

test('a made-up state becomes another by its patch', () => {
  const options = { withLists: true, asked: [] }
  const before = madeUpState(1_000_000, 10, { ...options, variant: 'normal' })
  const after = madeUpState(1_001_000, 11, { ...options, variant: 'redis-down' })
  assert.deepEqual(mergePatch(before, patchFrom(before, after)), after)
})
