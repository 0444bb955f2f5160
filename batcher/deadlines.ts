import type { Batch } from '#batcher/batch.ts'

/** Deadlines are kept in buckets this wide, in ms. */
const BUCKET_MS = 20

/**
 * Unanswered batches by deadline, in buckets that are linked lists: adding and removing take constant time
 * whatever the order of arrival, and nothing answered is kept alive.
 */
export class Deadlines {
  /** The first batch of each bucket. */
  readonly #buckets = new Map<number, Batch>()
  /** No bucket before this one holds anything. */
  #earliest = Number.POSITIVE_INFINITY
  length = 0

  add(batch: Batch): void {
    const bucket = bucketOf(batch)
    const first = this.#buckets.get(bucket) ?? null
    batch.later = first
    if (first) first.earlier = batch
    this.#buckets.set(bucket, batch)
    if (bucket < this.#earliest) this.#earliest = bucket
    this.length++
  }

  remove(batch: Batch): void {
    const { earlier, later } = batch
    if (later) later.earlier = earlier
    if (earlier) earlier.later = later
    else if (later) this.#buckets.set(bucketOf(batch), later)
    else this.#buckets.delete(bucketOf(batch))
    batch.earlier = null
    batch.later = null
    this.length--
  }

  /** Batches whose deadline has come, the earliest first. */
  due(now: number): Batch[] {
    const due: Batch[] = []
    const last = Math.floor(now / BUCKET_MS)
    if (this.length === 0 || this.#earliest > last) return due
    for (const bucket of this.#upTo(last)) {
      for (let batch = this.#buckets.get(bucket) ?? null; batch; batch = batch.later) {
        if (batch.deadline <= now) due.push(batch)
      }
    }
    this.#earliest = last
    return inOrder(due)
  }

  all(): Batch[] {
    const all: Batch[] = []
    for (const first of this.#buckets.values()) {
      for (let batch: Batch | null = first; batch; batch = batch.later) all.push(batch)
    }
    return inOrder(all)
  }

  /** After a long sleep there may be more buckets to pass than buckets that exist. */
  #upTo(last: number): number[] {
    if (last - this.#earliest > this.#buckets.size) return [...this.#buckets.keys()].filter((b) => b <= last)
    return Array.from({ length: last - this.#earliest + 1 }, (_, i) => this.#earliest + i)
  }
}

function bucketOf({ deadline }: Batch): number {
  return Math.floor(deadline / BUCKET_MS)
}

/** By deadline, and equal ones as they came: buckets hold the newest first. */
function inOrder(batches: Batch[]): Batch[] {
  return batches.reverse().sort((a, b) => a.deadline - b.deadline)
}
