import {
  baseSequence,
  producerEpoch,
  producerIdHigh,
  producerIdLow,
  recordsCount,
} from '#protocol/record-batch.ts'
import type { Copy } from '#test/simulation/copies.ts'
import type { World } from '#test/simulation/world.ts'

/** A batch in a log, and which copy of it the broker was sent. */
export interface Entry {
  offset: number
  records: number
  bytes: Buffer
  copy: Copy
  appendedAt: number
  replicated: boolean
  /** Cut off when a replica without it became the leader. */
  lost: boolean
}

export interface Appended {
  errorCode: number
  /** The entry, an old one for a duplicate; null when nothing is in the log. */
  entry: Entry | null
  duplicate: boolean
}

interface Remembered {
  epoch: number
  batches: { first: number; last: number; entry: Entry }[]
}

/** Batches per producer that a broker remembers while it runs (kafka.md §2.1). */
const REMEMBERED = 5
const SEQUENCES = 2 ** 31
const OUT_OF_ORDER_SEQUENCE = 45
const INVALID_PRODUCER_EPOCH = 47

/** One partition's log as its in-sync replicas hold it, with what its leader remembers of producers. */
export class PartitionLog {
  readonly topic: string
  readonly topicNumber: number
  readonly index: number
  readonly replicas: readonly number[]
  readonly inSync: Set<number>
  readonly entries: Entry[] = []
  /** Entries that were cut off. */
  readonly lost: Entry[] = []
  /** -1 = none. */
  leader: number
  /** The leader answers NOT_LEADER until then: Metadata may name it before it knows. */
  acceptsFrom = 0
  /** Counts changes of the leader. */
  generation = 0
  /** Nothing is replicated before that time. */
  stalledUntil = 0
  /** Called when replication advances or the leader changes. */
  readonly watchers = new Set<() => void>()
  readonly #world: World
  readonly #replicationMs: number
  #memory = new Map<string, Remembered>()
  /** Per broker: entries it had when it last started; of their producers it knows only the last batch. */
  readonly #loaded = new Map<number, number>()
  #pumping = false

  constructor(
    world: World,
    place: { topic: string; topicNumber: number; index: number },
    replicas: number[],
    replicationMs: number,
  ) {
    this.#world = world
    this.topic = place.topic
    this.topicNumber = place.topicNumber
    this.index = place.index
    this.replicas = replicas
    this.inSync = new Set(replicas)
    this.leader = replicas[0]!
    this.#replicationMs = replicationMs
  }

  get name(): string {
    return `${this.topic}/${this.index}`
  }

  get end(): number {
    const last = this.entries.at(-1)
    return last ? last.offset + last.records : 0
  }

  /** The leader's checks of sequence numbers, then the append. */
  append(bytes: Buffer, copy: Copy): Appended {
    const key = keyOf(bytes)
    const memory = key === null ? undefined : this.#memory.get(key)
    if (memory) {
      const verdict = check(memory, bytes)
      if (verdict) return verdict
    }
    const entry: Entry = {
      offset: this.end,
      records: recordsCount(bytes),
      bytes,
      copy,
      appendedAt: this.#world.now,
      replicated: this.#replicatesAtOnce(),
      lost: false,
    }
    this.entries.push(entry)
    if (key !== null) remember(this.#memory, key, entry, REMEMBERED)
    if (!entry.replicated) this.#pump()
    return { errorCode: 0, entry, duplicate: false }
  }

  /** Another replica leads, or the same one anew, or none (-1). What it does not have is cut off. */
  lead(broker: number, keep = this.entries.length): void {
    for (const entry of this.entries.splice(keep)) {
      entry.lost = true
      this.lost.push(entry)
    }
    this.leader = broker
    this.generation++
    this.#memory = new Map()
    const loaded = this.#loaded.get(broker) ?? 0
    this.entries.forEach((entry, i) => {
      const key = keyOf(entry.bytes)
      if (key !== null) remember(this.#memory, key, entry, i < loaded ? 1 : REMEMBERED)
    })
    this.#changed()
  }

  /** A broker process has ended. */
  forgetAt(broker: number): void {
    this.#loaded.set(broker, this.entries.length)
  }

  /** The entries before this one are on all in-sync replicas. */
  get replicated(): number {
    let count = this.entries.length
    while (count > 0 && !this.entries[count - 1]!.replicated) count--
    return count
  }

  #replicatesAtOnce(): boolean {
    const alone = this.inSync.size <= 1 && this.stalledUntil <= this.#world.now
    return alone && this.replicated === this.entries.length
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    const world = this.#world
    const pace = this.leader < 0 ? 50 : this.#replicationMs
    const at = world.now + pace * world.random.between(0.5, 1.5)
    world.at(Math.max(at, this.stalledUntil), () => {
      this.#pumping = false
      const waits = this.stalledUntil > world.now || this.leader < 0
      const until = waits ? Number.NEGATIVE_INFINITY : world.now - this.#replicationMs / 2
      for (let i = this.replicated; i < this.entries.length; i++) {
        const entry = this.entries[i]!
        if (entry.appendedAt <= until) entry.replicated = true
      }
      if (this.replicated < this.entries.length) this.#pump()
      if (!waits) this.#changed()
    })
  }

  #changed(): void {
    for (const watcher of [...this.watchers]) watcher()
  }
}

/** @returns what the broker answers instead of appending; null = append */
function check(memory: Remembered, bytes: Buffer): Appended | null {
  const epoch = producerEpoch(bytes)
  const first = baseSequence(bytes)
  const last = (first + recordsCount(bytes) - 1) % SEQUENCES
  if (epoch === memory.epoch) {
    for (const known of memory.batches) {
      if (known.first === first && known.last === last) {
        return { errorCode: 0, entry: known.entry, duplicate: true }
      }
    }
    const expected = (memory.batches.at(-1)!.last + 1) % SEQUENCES
    return first === expected ? null : refuse(OUT_OF_ORDER_SEQUENCE)
  }
  if (epoch < memory.epoch) return refuse(INVALID_PRODUCER_EPOCH)
  return first === 0 ? null : refuse(OUT_OF_ORDER_SEQUENCE)
}

function refuse(errorCode: number): Appended {
  return { errorCode, entry: null, duplicate: false }
}

function remember(memory: Map<string, Remembered>, key: string, entry: Entry, keep: number): void {
  const { bytes } = entry
  const epoch = producerEpoch(bytes)
  const first = baseSequence(bytes)
  let known = memory.get(key)
  if (!known || known.epoch !== epoch) memory.set(key, (known = { epoch, batches: [] }))
  known.batches.push({ first, last: (first + entry.records - 1) % SEQUENCES, entry })
  if (keep === 1) known.batches.splice(0, known.batches.length - 1)
  else if (known.batches.length > keep) known.batches.shift()
}

/** Null for batches without a producer id. */
function keyOf(bytes: Buffer): string | null {
  const high = producerIdHigh(bytes)
  return high < 0 ? null : `${high}:${producerIdLow(bytes)}`
}
