import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LanePolicy } from '#batcher/lane-policy.ts'
import { RoundTrips } from '#batcher/round-trips.ts'

/** The steps that so many windows lead to; `counts` tells of the i-th whether it counts. */
function steps(windows: number, counts: (i: number) => boolean, policy = new LanePolicy()): string[] {
  return Array.from({ length: windows }, (_, i) => policy.onClosed(counts(i)))
}

test('a lane is added when over half of 20 windows counted, and not before', () => {
  const crowded = steps(20, (i) => i < 11)
  assert.deepEqual(crowded.slice(0, 19), new Array(19).fill('keep'))
  assert.equal(crowded[19], 'add')
  assert.ok(!steps(400, (i) => i % 2 === 0).includes('add'), 'half is not over half')
})

test('each further lane takes 20 more windows', () => {
  const found = steps(60, () => true)
  assert.deepEqual(
    found.flatMap((step, i) => (step === 'add' ? [i] : [])),
    [19, 39, 59],
  )
})

test('a lane is removed when none of 200 windows counted', () => {
  const policy = new LanePolicy()
  assert.ok(!steps(199, () => false, policy).includes('remove'))
  assert.equal(policy.onClosed(false), 'remove')
  assert.ok(!steps(199, () => false, policy).includes('remove'), 'and the next one 200 later')
  const busy = new LanePolicy()
  assert.ok(!steps(2000, (i) => i % 150 === 0, busy).includes('remove'))
})

test('the median of the last 31 round trips', () => {
  const trips = new RoundTrips()
  assert.equal(trips.median(), 0)
  for (const ms of [10, 1, 500]) trips.add(ms)
  assert.equal(trips.median(), 10)
  for (let i = 0; i < 31; i++) trips.add(3)
  assert.equal(trips.median(), 3)
})
