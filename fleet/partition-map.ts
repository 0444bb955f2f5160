/** What the map says of a topic. */
export interface MapEntry {
  partitions: number
  internal: boolean
}

/** Changes to apply, by topic; null = the topic is gone. */
export type MapChanges = Record<string, MapEntry | null>

/** One reading of a cluster. */
export interface Reading {
  topics: ReadonlyMap<string, MapEntry>
  /** Topics that are there but could not be read: their last good entries stay. */
  failed: readonly string[]
}

/**
 * Topic → partition count of one cluster. It never shrinks because of an error: a topic goes, or a count
 * falls, only after two clean readings in a row.
 */
export class PartitionMap {
  readonly topics: Map<string, MapEntry>
  /** Topics that the last reading wanted to shrink, with the count that it said; 0 = gone. */
  #doubted: Map<string, number>

  constructor(topics: Iterable<[string, MapEntry]> = [], doubts: Record<string, number> = {}) {
    this.topics = new Map(topics)
    this.#doubted = new Map(Object.entries(doubts))
  }

  /** What the last reading wanted to shrink, for the one who makes the next. */
  get doubts(): Record<string, number> {
    return Object.fromEntries(this.#doubted)
  }

  /** @returns what has changed */
  update(reading: Reading): MapChanges {
    const changed = new Map<string, MapEntry | null>()
    const doubted = new Map<string, number>()
    for (const [topic, entry] of reading.topics) {
      const known = this.topics.get(topic)
      const shrinks = known !== undefined && entry.partitions < known.partitions
      if (shrinks && this.#doubted.get(topic) !== entry.partitions) doubted.set(topic, entry.partitions)
      else if (known?.partitions !== entry.partitions || known.internal !== entry.internal)
        changed.set(topic, entry)
    }
    const failed = new Set(reading.failed)
    for (const topic of this.topics.keys()) {
      if (reading.topics.has(topic) || failed.has(topic)) continue
      if (this.#doubted.get(topic) === 0) changed.set(topic, null)
      else doubted.set(topic, 0)
    }
    this.#doubted = doubted
    const changes: MapChanges = Object.fromEntries(changed)
    this.apply(changes)
    return changes
  }

  apply(changes: MapChanges): void {
    for (const [topic, entry] of Object.entries(changes)) {
      if (entry) this.topics.set(topic, entry)
      else this.topics.delete(topic)
      if (entry) this.#doubted.delete(topic)
    }
  }

  /** Every topic, as changes for somebody who knows nothing yet. */
  whole(): MapChanges {
    return Object.fromEntries(this.topics)
  }

  get partitions(): number {
    let sum = 0
    for (const entry of this.topics.values()) sum += entry.partitions
    return sum
  }
}
