import type { Batch } from '#batcher/batch.ts'

/** Waiting times are sorted into classes this wide, in ms, so that each class is a plain queue. */
const CLASS_MS = 100

class List {
  first: Batch | null = null
  last: Batch | null = null
}

/**
 * Unanswered batches by deadline. Batches with about the same waiting time come in the order of their
 * deadlines, so each class of waiting time is a linked list to which new ones are added at the end:
 * adding and removing take constant time, and nothing answered is kept alive.
 */
export class Deadlines {
  readonly #lists = new Map<number, List>()
  length = 0

  add(batch: Batch): void {
    const list = this.#list(batch)
    let before = list.last
    while (before !== null && before.deadline > batch.deadline) before = before.earlier
    const after = before === null ? list.first : before.later
    batch.earlier = before
    batch.later = after
    if (before === null) list.first = batch
    else before.later = batch
    if (after === null) list.last = batch
    else after.earlier = batch
    this.length++
  }

  remove(batch: Batch): void {
    const list = this.#list(batch)
    const { earlier, later } = batch
    if (earlier === null) list.first = later
    else earlier.later = later
    if (later === null) list.last = earlier
    else later.earlier = earlier
    batch.earlier = null
    batch.later = null
    this.length--
  }

  /** Batches whose deadline has come. */
  due(now: number): Batch[] {
    return this.#collect((batch) => batch.deadline <= now)
  }

  /** Batches that arrived at that time or before. */
  arrivedBy(time: number): Batch[] {
    return this.#collect((batch) => batch.arrivedAt <= time)
  }

  all(): Batch[] {
    return this.#collect(() => true)
  }

  #collect(wanted: (batch: Batch) => boolean): Batch[] {
    const found: Batch[] = []
    for (const { first } of this.#lists.values()) {
      for (let batch = first; batch !== null && wanted(batch); batch = batch.later) found.push(batch)
    }
    return found
  }

  #list(batch: Batch): List {
    const wait = Math.floor((batch.deadline - batch.arrivedAt) / CLASS_MS)
    let list = this.#lists.get(wait)
    if (!list) {
      list = new List()
      this.#lists.set(wait, list)
    }
    return list
  }
}
