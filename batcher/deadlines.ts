import type { Batch } from '#batcher/batch.ts'

/** Deadlines are kept in buckets this wide, in ms. */
const BUCKET_MS = 20
/** One round of the wheel is 20 s. What is due later waits in its bucket for its round. */
const BUCKETS = 1024

/**
 * Unanswered batches by deadline, on a wheel of buckets that are linked lists: adding and removing take
 * constant time whatever the order of arrival, and nothing answered is kept alive.
 */
export class Deadlines {
  /** The first batch of each bucket. */
  readonly #wheel: (Batch | null)[] = new Array(BUCKETS).fill(null)
  /** The time before which nothing is due, in buckets. */
  #earliest = Number.POSITIVE_INFINITY
  length = 0

  add(batch: Batch): void {
    const time = timeOf(batch)
    const bucket = time & (BUCKETS - 1)
    const first = this.#wheel[bucket]!
    batch.later = first
    if (first) first.earlier = batch
    this.#wheel[bucket] = batch
    if (time < this.#earliest) this.#earliest = time
    this.length++
  }

  remove(batch: Batch): void {
    const { earlier, later } = batch
    if (later) later.earlier = earlier
    if (earlier) earlier.later = later
    else this.#wheel[timeOf(batch) & (BUCKETS - 1)] = later
    batch.earlier = null
    batch.later = null
    this.length--
  }

  /** Batches whose deadline has come, the earliest first. */
  due(now: number): Batch[] {
    const last = Math.floor(now / BUCKET_MS)
    if (this.length === 0 || this.#earliest > last) return []
    const due = this.#gather(Math.max(this.#earliest, last - BUCKETS + 1), last, now)
    this.#earliest = last
    return due
  }

  all(): Batch[] {
    return this.#gather(0, BUCKETS - 1, Number.POSITIVE_INFINITY)
  }

  /** By deadline, and equal ones as they came: buckets hold the newest first. */
  #gather(from: number, to: number, until: number): Batch[] {
    const found: Batch[] = []
    for (let time = from; time <= to; time++) {
      for (let batch = this.#wheel[time & (BUCKETS - 1)]!; batch; batch = batch.later!) {
        if (batch.deadline <= until) found.push(batch)
      }
    }
    return found.reverse().sort((a, b) => a.deadline - b.deadline)
  }
}

function timeOf({ deadline }: Batch): number {
  return Math.floor(deadline / BUCKET_MS)
}
