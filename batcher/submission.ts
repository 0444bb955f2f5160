import type { AcksClass, Batch } from '#batcher/batch.ts'

/** A closed window, sent as one Produce request: at most one batch per partition. */
export class Submission {
  readonly acksClass: AcksClass
  /** By topic: a topic must stand only once in a request. */
  readonly byTopic: ReadonlyMap<string, readonly Batch[]>
  /** In the order in which the request carries them. */
  readonly batches: readonly Batch[]
  readonly bytes: number
  readonly sentAt: number
  /** Upstream TimeoutMs: the longest remaining time of its batches. */
  readonly timeoutMs: number
  /** It takes far longer than the broker's others: see `Lanes.sweep`. */
  overdue = false
  /** It carries a suspect partition, alone. */
  readonly suspect: boolean

  constructor(acksClass: AcksClass, batches: readonly Batch[], bytes: number, now: number) {
    this.acksClass = acksClass
    this.byTopic = groups(batches)
    this.batches = [...this.byTopic.values()].flat()
    this.bytes = bytes
    this.sentAt = now
    this.suspect = batches[0]?.partition.suspect ?? false
    let last = now
    for (const batch of batches) if (batch.deadline > last) last = batch.deadline
    this.timeoutMs = Math.max(1, Math.ceil(last - now))
  }
}

function groups(batches: readonly Batch[]): Map<string, Batch[]> {
  const groups = new Map<string, Batch[]>()
  for (const batch of batches) {
    const group = groups.get(batch.topic)
    if (group) group.push(batch)
    else groups.set(batch.topic, [batch])
  }
  return groups
}
