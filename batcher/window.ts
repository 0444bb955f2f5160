import type { AcksClass, Batch } from '#batcher/batch.ts'
import { ArrivalEstimate } from '#batcher/estimate.ts'
import { Fifo } from '#batcher/fifo.ts'
import type { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'

/** How far a window may fill before it closes. */
export interface WindowLimits {
  maxBytes: number
  maxPartitions: number
}

/**
 * The batches gathered for the next submission to one broker. It is implicit: a list of partitions with a
 * ready batch, of which closing takes one each. A broker accepts exactly one batch per partition and request
 * and loses the first of two silently (kafka.md §0.1).
 */
export class Window {
  readonly acksClass: AcksClass
  readonly #partitions = new Fifo<Partition>()
  /** Of batches of its own acks class: others cannot join it. */
  readonly arrivals = new ArrivalEstimate()
  /** Since when it may linger, in ms: its first partition was listed, or it was closed. */
  openedAt = 0
  /** Of the batches that got their partitions listed: about what closing would take. */
  bytes = 0
  /** It lingers until then, in ms, unless so much is in it before. */
  #heldUntil = 0
  #enoughPartitions = 0
  #enoughBytes = 0

  constructor(acksClass: AcksClass) {
    this.acksClass = acksClass
  }

  /** Partitions listed. */
  get length(): number {
    return this.#partitions.length
  }

  list(partition: Partition, now: number): void {
    if (partition.listed[this.acksClass] || partition.overdue.size > 0) return
    if (this.#partitions.length === 0) this.openedAt = Math.max(this.openedAt, now)
    this.#count(partition)
    this.#partitions.push(partition)
  }

  remove(partition: Partition): void {
    if (!partition.listed[this.acksClass]) return
    this.#discount(partition)
    this.#partitions.remove(partition)
  }

  #count(partition: Partition): void {
    const bytes = nextReady(partition, this.acksClass)?.queue.peek()?.size ?? 0
    partition.listed[this.acksClass] = true
    partition.listedBytes[this.acksClass] = bytes
    this.bytes += bytes
  }

  #discount(partition: Partition): void {
    partition.listed[this.acksClass] = false
    this.bytes -= partition.listedBytes[this.acksClass]
  }

  /** Lets it linger until then, or until it lists so many partitions or holds so many bytes. */
  hold(until: number, partitions: number, bytes: number): void {
    this.#heldUntil = until
    this.#enoughPartitions = partitions
    this.#enoughBytes = bytes
  }

  /** Until when it lingers; 0 when it does not, and what is in it should be looked at. */
  heldUntil(now: number): number {
    const held =
      this.#heldUntil > now && this.length < this.#enoughPartitions && this.bytes < this.#enoughBytes
    return held ? this.#heldUntil : 0
  }

  /** When the batch got ready that is next; Infinity when none is. */
  oldestReadyAt(): number {
    for (let first = this.#partitions.peek(); first; first = this.#partitions.peek()) {
      const pair = nextReady(first, this.acksClass)
      if (pair) return pair.readyAt
      this.remove(first)
    }
    return Number.POSITIVE_INFINITY
  }

  /**
   * Takes the batches of the next submission, at most one per partition; the first one always fits. A suspect
   * partition rides alone.
   *
   * @param suspects whether one may be taken now; others go first otherwise
   */
  close(limits: WindowLimits, now: number, suspects: boolean): { batches: Batch[]; bytes: number } {
    const batches: Batch[] = []
    const again: Partition[] = []
    const apart: Partition[] = []
    let bytes = 0
    while (batches.length < limits.maxPartitions) {
      const partition = this.#partitions.peek()
      if (!partition) break
      const batch = nextReady(partition, this.acksClass)?.queue.peek()
      const wait = batch !== undefined && partition.suspect && (batches.length > 0 || !suspects)
      if (batch && !wait && batches.length > 0 && bytes + batch.size > limits.maxBytes) break
      this.#partitions.shift()
      this.#discount(partition)
      if (wait) apart.push(partition)
      else if (batch) {
        partition.delist(this.acksClass)
        batches.push(batch)
        bytes += batch.size
        if (partition.ready[this.acksClass].length > 0) again.push(partition)
        if (partition.suspect) break
      }
    }
    for (const partition of apart.reverse()) this.#putBack(partition)
    const oldest = this.#oldestOf(again)
    if (oldest) this.list(oldest, now)
    for (const partition of again) this.list(partition, now)
    this.openedAt = now
    this.#heldUntil = 0
    return { batches, bytes }
  }

  /** How long a batch may wait is reckoned from the first partition, so that must be the oldest. */
  #oldestOf(partitions: readonly Partition[]): Partition | null {
    let oldest: Partition | null = null
    let since = Number.POSITIVE_INFINITY
    for (const partition of partitions) {
      const pair = nextReady(partition, this.acksClass)
      if (!pair || pair.readyAt >= since) continue
      oldest = partition
      since = pair.readyAt
    }
    return oldest
  }

  #putBack(partition: Partition): void {
    this.#count(partition)
    this.#partitions.unshift(partition)
  }
}

/** The pair whose turn it is. Pairs that ceased to be ready are dropped here instead of searched for then. */
function nextReady(partition: Partition, acksClass: AcksClass): Pair | undefined {
  const ready = partition.ready[acksClass]
  for (let pair = ready.peek(); pair; pair = ready.peek()) {
    if (pair.state === 'ready' && pair.readyClass === acksClass) return pair
    partition.delist(acksClass)
  }
  return undefined
}
