/**
 * Durations are counted in buckets that are a quarter of a power of two wide, so that counting takes no
 * search and a percentile is right within an eighth. 64 us is the floor: what is shorter is one bucket.
 */
const FLOOR_EXPONENT = 6
const TOP_EXPONENT = 27
/** Of a power of two. */
const PARTS = 4

/** The last one holds everything from 134 s on. */
export const BUCKETS = 1 + (TOP_EXPONENT - FLOOR_EXPONENT) * PARTS + 1

/** @param ms a duration; what is below 0 (the clock of a test) counts as 0 */
export function bucketOf(ms: number): number {
  const us = ms * 1000
  if (us < 1 << FLOOR_EXPONENT) return 0
  if (us >= 2 ** TOP_EXPONENT) return BUCKETS - 1
  const exponent = 31 - Math.clz32(us)
  return 1 + (exponent - FLOOR_EXPONENT) * PARTS + ((us >> (exponent - 2)) & (PARTS - 1))
}

/** Where a bucket ends, in ms. */
export function boundOf(bucket: number): number {
  if (bucket >= BUCKETS - 1) return Number.POSITIVE_INFINITY
  const octave = Math.floor(bucket / PARTS)
  return (2 ** (FLOOR_EXPONENT + octave) * (1 + (bucket % PARTS) / PARTS)) / 1000
}

/**
 * The duration that so large a share of them does not exceed, in ms; null of none.
 *
 * @param counts by bucket
 */
export function percentile(counts: ArrayLike<number>, share: number): number | null {
  let all = 0
  for (let i = 0; i < counts.length; i++) all += counts[i]!
  if (all === 0) return null
  let left = share * all
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (count > 0 && left <= count) return between(i, left / count)
    left -= count
  }
  return between(BUCKETS - 1, 1)
}

/** Inside of a bucket they are taken to lie evenly. */
function between(bucket: number, share: number): number {
  const from = bucket === 0 ? 0 : boundOf(bucket - 1)
  const to = bucket === BUCKETS - 1 ? from : boundOf(bucket)
  return from + (to - from) * share
}
