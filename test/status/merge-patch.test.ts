import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergePatch } from '#status/merge-patch.ts'
import { apply, type Json, overTheWire, withoutNulls } from '#test/status/json.ts'
import { seeded } from '#test/support/random-message.ts'

function check(before: object, after: object): Json {
  const patch = overTheWire(mergePatch(before, after))
  const [old, now] = [withoutNulls(overTheWire(before)), withoutNulls(overTheWire(after))]
  assert.deepEqual(apply(old, patch), now)
  return patch
}

test('the patch holds what has changed, and nothing else', () => {
  const before = { a: 1, b: { c: 2, d: 3 }, e: [1, 2], f: 'x' }
  assert.deepEqual(check(before, { a: 1, b: { c: 2, d: 4 }, e: [1, 2], f: 'x' }), { b: { d: 4 } })
  assert.deepEqual(check(before, structuredClone(before)), {})
  assert.deepEqual(check(before, { ...before, e: [1, 2, 3] }), { e: [1, 2, 3] })
})

test('what is gone is removed', () => {
  assert.deepEqual(check({ a: { b: 1, c: 2 }, d: 1 }, { a: { b: 1 } }), { a: { c: null }, d: null })
})

test('a member that is null is one that is not there', () => {
  assert.deepEqual(check({ p50: 3 }, { p50: null }), { p50: null })
  assert.deepEqual(check({ p50: null }, { p50: 3 }), { p50: 3 })
  assert.deepEqual(check({}, { a: { p50: null } }), { a: {} })
  assert.deepEqual(check({ p50: null }, {}), {})
  assert.deepEqual(check({ rate: 1 }, { rate: Number.NaN }), { rate: null })
  assert.deepEqual(check({ rate: 1 }, { rate: undefined }), { rate: null })
})

test('another kind of value takes the place of the whole', () => {
  const values = [{}, { a: 1 }, { a: { b: null } }, [], [{ a: null }], 0, '', false, null]
  for (const before of values) for (const after of values) check({ x: before }, { x: after })
})

test('names that every object knows are names like any other', () => {
  const named = (name: string, value: unknown) => Object.fromEntries([[name, value]])
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const [one, two] = [named(name, { a: 1 }), named(name, { a: 2 })]
    check({}, one)
    check(one, two)
    check(one, {})
    assert.deepEqual(Object.keys(overTheWire(mergePatch({}, one)) as object), [name])
  }
})

test('whatever two values are, the patch leads from one to the other', () => {
  const seed = process.env.SEED ?? String(Date.now())
  console.log(`# SEED=${seed}`)
  const random = seeded(seed)
  for (let i = 0; i < 3000; i++) {
    const before = { root: randomJson(random, 4) }
    // Half of the time what has come from it by small changes.
    const after = random() < 0.5 ? { root: randomJson(random, 4) } : { root: changed(random, before.root) }
    check(before, after)
  }
})

const NAMES = ['a', 'b', 'c', '1', '__proto__', 'constructor']

function randomJson(random: () => number, depth: number): Json {
  const kind = Math.floor(random() * (depth > 0 ? 8 : 5))
  if (kind === 0) return null
  if (kind === 1) return random() < 0.5
  if (kind === 2) return Math.floor(random() * 3)
  if (kind === 3) return random()
  if (kind === 4) return NAMES[Math.floor(random() * NAMES.length)]!
  if (kind === 5) return Array.from({ length: Math.floor(random() * 3) }, () => randomJson(random, depth - 1))
  const names = NAMES.filter(() => random() < 0.5)
  return Object.fromEntries(names.map((name) => [name, randomJson(random, depth - 1)]))
}

function changed(random: () => number, value: Json): Json {
  if (random() < 0.2) return randomJson(random, 2)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const kept = Object.entries(value).filter(() => random() < 0.9)
  return Object.fromEntries(kept.map(([name, each]) => [name, changed(random, each)]))
}
