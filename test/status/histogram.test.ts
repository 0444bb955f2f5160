import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUCKETS, boundOf, bucketOf, percentile } from '#status/histogram.ts'

test('a duration lies in the bucket whose bounds are around it', () => {
  for (let ms = 0.001; ms < 300_000; ms *= 1.037) {
    const bucket = bucketOf(ms)
    assert.ok(ms < boundOf(bucket), `${ms} ms is below the bound of bucket ${bucket}`)
    assert.ok(bucket === 0 || ms >= boundOf(bucket - 1) * 0.999_999, `${ms} ms is over the bucket before`)
  }
})

test('what is below nothing or endless still has a bucket', () => {
  assert.deepEqual([bucketOf(-5), bucketOf(0), bucketOf(1e12)], [0, 0, BUCKETS - 1])
  assert.equal(boundOf(BUCKETS - 1), Number.POSITIVE_INFINITY)
})

test('buckets are at most a quarter wide', () => {
  for (let i = 1; i < BUCKETS - 1; i++) assert.ok(boundOf(i) / boundOf(i - 1) <= 1.25 + 1e-9, `bucket ${i}`)
})

test('percentiles are right within a bucket', () => {
  const times = Array.from({ length: 1000 }, (_, i) => 1 + i / 10)
  const counts = new Array(BUCKETS).fill(0)
  for (const ms of times) counts[bucketOf(ms)]++
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const exact = times[Math.ceil(share * times.length) - 1]!
    const found = percentile(counts, share)!
    assert.ok(Math.abs(found - exact) / exact < 0.25, `p${share * 100}: ${found} for ${exact}`)
  }
})

test('of nothing there is no percentile', () => {
  assert.equal(percentile(new Array(BUCKETS).fill(0), 0.5), null)
  assert.equal(percentile([], 0.5), null)
})
