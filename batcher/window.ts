import type { AcksClass, Batch } from '#batcher/batch.ts'
import type { Broker } from '#batcher/broker.ts'
import { Fifo } from '#batcher/fifo.ts'
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
  readonly broker: Broker
  readonly acksClass: AcksClass
  readonly #partitions = new Fifo<Partition>()
  /** When its first partition was listed, in ms; anew at each closing. */
  openedAt = 0

  constructor(broker: Broker, acksClass: AcksClass) {
    this.broker = broker
    this.acksClass = acksClass
  }

  get length(): number {
    return this.#partitions.length
  }

  list(partition: Partition, now: number): void {
    if (partition.listed[this.acksClass]) return
    if (this.#partitions.length === 0) this.openedAt = now
    partition.listed[this.acksClass] = true
    this.#partitions.push(partition)
  }

  remove(partition: Partition): void {
    if (!partition.listed[this.acksClass]) return
    partition.listed[this.acksClass] = false
    this.#partitions.remove(partition)
  }

  /** Takes the batches of the next submission, at most one per partition; the first one always fits. */
  close(limits: WindowLimits, now: number): { batches: Batch[]; bytes: number } {
    const batches: Batch[] = []
    const again: Partition[] = []
    let bytes = 0
    while (batches.length < limits.maxPartitions) {
      const partition = this.#partitions.peek()
      if (!partition) break
      const ready = partition.ready[this.acksClass]
      const pair = nextReady(partition, this.acksClass)
      const batch = pair?.queue.peek()
      if (pair && batch) {
        if (batches.length > 0 && bytes + batch.size > limits.maxBytes) break
        ready.shift()
        batches.push(batch)
        bytes += batch.size
      }
      this.#partitions.shift()
      partition.listed[this.acksClass] = false
      if (ready.length > 0) again.push(partition)
    }
    for (const partition of again) this.list(partition, now)
    this.openedAt = now
    return { batches, bytes }
  }
}

/** The pair whose turn it is. Pairs that ceased to be ready are dropped here instead of searched for then. */
function nextReady(partition: Partition, acksClass: AcksClass) {
  const ready = partition.ready[acksClass]
  for (let pair = ready.peek(); pair; pair = ready.peek()) {
    if (pair.state === 'ready' && pair.readyClass === acksClass) return pair
    ready.shift()
  }
  return undefined
}
