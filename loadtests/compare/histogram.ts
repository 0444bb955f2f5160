/** Buckets grow by 1 % each, so a value read back is at most half a percent off. */
const GROWTH = Math.log(1.01)
/** 1 µs to 16 minutes. */
const BUCKETS = 2100

/** Counts of times in ms, in memory taken beforehand: adding one allocates nothing. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS)
  count = 0
  max = 0

  add(ms: number): void {
    const microseconds = ms * 1000
    const bucket = microseconds <= 1 ? 0 : Math.round(Math.log(microseconds) / GROWTH)
    this.#counts[Math.min(bucket, BUCKETS - 1)]!++
    this.count++
    if (ms > this.max) this.max = ms
  }

  /** In ms; 0 if nothing was added. @param share 0.5 is the median */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(this.count * share))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS && this.count > 0; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return Math.min(Math.exp(bucket * GROWTH) / 1000, this.max)
    }
    return 0
  }

  summary(): Quantiles {
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => this.quantile(share)) as [number, number, number]
    return { p50, p95, p99, max: this.max }
  }
}

/** In ms. */
export interface Quantiles {
  p50: number
  p95: number
  p99: number
  max: number
}
