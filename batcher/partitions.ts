import { Limits } from '#batcher/limits.ts'
import { Partition } from '#batcher/partition.ts'

/** The partitions of a cluster that clients write to, or wrote to not long ago. */
export class Partitions {
  readonly #byTopic = new Map<string, Map<number, Partition>>()

  get(topic: string, index: number): Partition {
    let partitions = this.#byTopic.get(topic)
    if (!partitions) this.#byTopic.set(topic, (partitions = new Map()))
    let partition = partitions.get(index)
    if (!partition) partitions.set(index, (partition = new Partition(topic, index)))
    return partition
  }

  /** A copy: partitions may be forgotten meanwhile. */
  of(topic: string): Partition[] {
    return [...(this.#byTopic.get(topic)?.values() ?? [])]
  }

  /** Nobody writes to it now. Its leader is remembered a while: clients come and go. */
  unused(partition: Partition, now: number): void {
    if (partition.leader) partition.unusedSince = now
    else this.forget(partition)
  }

  forget(partition: Partition): void {
    partition.leader?.forget(partition)
    const partitions = this.#byTopic.get(partition.topic)
    if (partitions?.get(partition.index) === partition) partitions.delete(partition.index)
    if (partitions?.size === 0) this.#byTopic.delete(partition.topic)
  }

  sweep(now: number): void {
    for (const partitions of this.#byTopic.values()) {
      for (const partition of partitions.values()) {
        const unused = partition.pairs.length === 0
        if (unused && now - partition.unusedSince > Limits.unusedPartitionMs) this.forget(partition)
      }
    }
  }
}
