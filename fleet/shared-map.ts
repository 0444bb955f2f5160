import { type MapChanges, type MapEntry, PartitionMap, type Reading } from '#fleet/partition-map.ts'
import { notReadable } from '#fleet/reading.ts'
import { type RedisLink, Script } from '#fleet/redis.ts'

const fenceScript = new Script('fence.lua')
const commitScript = new Script('map-commit.lua')
const mergeScript = new Script('map-merge.lua')

/** So often a reading is put onto a map that somebody else has changed meanwhile. */
const COMMIT_ATTEMPTS = 5

/** What every node may know of the readings of a cluster, whoever made them. */
export interface ReadingState {
  /** ms since 1970 of the last good reading. */
  refreshedAt: number | null
  /** In words; empty when the last reading was good. */
  error: string
  errorAt: number | null
}

export interface SharedMapEvents {
  changed(changes: MapChanges): void
  /** The state of the readings is known, or has changed. */
  read(): void
}

interface Publication extends Partial<ReadingState> {
  epoch: string
  from: number
  to: number
  changes: MapChanges
}

interface Whole extends ReadingState {
  epoch: string
  version: number
  doubts: Record<string, number>
  topics: Map<string, MapEntry>
}

/**
 * The partition map of one cluster, kept the same on all nodes through Redis. Changes come as published differences;
 * a gap in their versions, found at the latest by the next `sync`, makes the node read the whole map. A Redis
 * that is empty or older than what the node knows takes nothing away: the two are joined.
 */
export class SharedMap {
  readonly map = new PartitionMap()
  readonly state: ReadingState = { refreshedAt: null, error: '', errorAt: null }
  readonly #link: RedisLink
  readonly #keys: string[]
  readonly #channel: string
  readonly #events: SharedMapEvents
  #epoch = ''
  #version = 0
  /** It was changed here alone, so what Redis has does not simply replace it. */
  #isAhead = false
  /** Learned here and not yet written to Redis. */
  readonly #unsaved = new Map<string, MapEntry>()
  #syncing: Promise<void> | null = null
  #missed = false

  constructor(cluster: string, link: RedisLink, events: SharedMapEvents) {
    this.#link = link
    this.#keys = [link.key(`map:${cluster}`), link.key(`topics:${cluster}`)]
    this.#channel = link.key(`map-changes:${cluster}`)
    this.#events = events
    link.subscribe(this.#channel, (text) => this.#onPublished(JSON.parse(text)))
  }

  close(): void {
    this.#link.unsubscribe(this.#channel)
  }

  /** For a reading about to begin. @throws when Redis fails */
  async takeToken(): Promise<number> {
    return Number(await fenceScript.run(this.#link.commands, this.#keys.slice(0, 1), []))
  }

  /** Brings both sides to the same state. @throws when Redis fails */
  sync(): Promise<void> {
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = null
    })
    return this.#syncing
  }

  /**
   * Writes what a reading found for the whole fleet.
   *
   * @returns false when a later reading has written already
   * @throws when Redis fails, or the map changes faster than it can be written
   */
  async commit(token: number, reading: Reading): Promise<boolean> {
    const error = notReadable(reading)
    for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
      await this.sync()
      const { epoch, version, doubts, topics } = await this.#readWhole()
      const next = new PartitionMap(topics, doubts)
      const changes = next.update(reading)
      const [status] = await this.#commit(token, epoch, String(version), changes, next.doubts, error)
      if (status === 'moved') continue
      if (status === 'ok') await this.sync()
      return status === 'ok'
    }
    throw new Error('the map changes faster than it can be written')
  }

  /** Lets all nodes know that a reading failed. @throws when Redis fails */
  async fail(token: number, reason: string): Promise<void> {
    await this.#commit(token, '', '', {}, {}, reason)
    await this.sync()
  }

  /** What a worker has found out by asking the cluster itself. @returns whether it is news */
  learned(topic: string, entry: MapEntry): boolean {
    const known = this.map.topics.get(topic)
    if (known && known.partitions >= entry.partitions) return false
    this.#apply({ [topic]: entry })
    this.#unsaved.set(topic, entry)
    return true
  }

  /** A reading of this node alone, while the fleet has none. */
  readAlone(reading: Reading): void {
    this.#isAhead = true
    const changes = this.map.update(reading)
    if (Object.keys(changes).length > 0) this.#events.changed(changes)
  }

  /** How the last reading went; an emptied Redis knows of none, this node may. */
  note(state: Partial<ReadingState>): void {
    if (!state.refreshedAt && !state.error) return
    Object.assign(this.state, state)
    this.#events.read()
  }

  async #sync(): Promise<void> {
    do {
      this.#missed = false
      if (this.#unsaved.size > 0) await this.#save(new Map(this.#unsaved), '')
      const [epoch, version, refreshedAt, error, errorAt] = await this.#link.commands.hmget(
        this.#keys[0]!,
        ...['epoch', 'version', 'refreshedAt', 'error', 'errorAt'],
      )
      this.note(stateOf(refreshedAt!, error!, errorAt!))
      const same = (epoch ?? '') === this.#epoch && Number(version ?? 0) === this.#version
      if (!same || this.#isAhead) await this.#join()
    } while (this.#missed)
  }

  async #join(): Promise<void> {
    const isAhead = this.#isAhead
    this.#isAhead = false
    const whole = await this.#readWhole().catch((error) => {
      this.#isAhead ||= isAhead
      throw error
    })
    const lostWrites = whole.epoch === this.#epoch && whole.version < this.#version
    const continues = whole.epoch !== '' && whole.epoch === this.#epoch && !lostWrites
    const knowsNothing = this.map.topics.size === 0
    const replaces = (continues || knowsNothing) && !isAhead
    this.#apply(
      replaces ? difference(this.map.topics, whole.topics) : additions(this.map.topics, whole.topics),
    )
    if (!replaces) {
      const more = Object.entries(additions(whole.topics, this.map.topics)) as [string, MapEntry][]
      if (more.length > 0 || lostWrites) await this.#save(new Map(more), lostWrites ? this.#epoch : '')
    }
    // Where Redis stood before this node wrote: the next pass follows what has come since.
    this.#epoch = whole.epoch
    this.#version = whole.version
    // Learned while Redis was being read: still to be written.
    this.#apply(additions(this.map.topics, this.#unsaved))
  }

  async #save(entries: Map<string, MapEntry>, lostEpoch: string): Promise<void> {
    const json = JSON.stringify(Object.fromEntries(entries))
    await mergeScript.run(this.#link.commands, this.#keys, [json, lostEpoch, this.#channel])
    for (const [topic, entry] of entries) {
      if (this.#unsaved.get(topic) === entry) this.#unsaved.delete(topic)
    }
    this.#missed = true
  }

  async #readWhole(): Promise<Whole> {
    const fields = ['epoch', 'version', 'refreshedAt', 'error', 'errorAt', 'doubts']
    const results = await this.#link.commands
      .multi()
      .hmget(this.#keys[0]!, ...fields)
      .hgetall(this.#keys[1]!)
      .exec()
    const [meta, topics] = results!.map(([error, value]) => {
      if (error) throw error
      return value
    }) as [(string | null)[], Record<string, string>]
    const [epoch, version, refreshedAt, error, errorAt, doubts] = meta as (string | null)[]
    return {
      ...stateOf(refreshedAt!, error!, errorAt!),
      epoch: epoch ?? '',
      version: Number(version ?? 0),
      doubts: JSON.parse(doubts || '{}'),
      topics: new Map(Object.entries(topics).map(([topic, text]) => [topic, entryOf(text)])),
    }
  }

  async #commit(
    token: number,
    epoch: string,
    version: string,
    changes: MapChanges,
    doubts: Record<string, number>,
    error: string,
  ): Promise<string[]> {
    const json = [changes, doubts, error].map((value) => JSON.stringify(value))
    return commitScript.run(this.#link.commands, this.#keys, [token, epoch, version, ...json, this.#channel])
  }

  #onPublished({ epoch, from, to, changes, ...state }: Publication): void {
    const follows = epoch === this.#epoch && from === this.#version && !this.#syncing && !this.#isAhead
    if (follows) {
      this.#version = to
      this.#apply(changes)
      this.#apply(additions(this.map.topics, this.#unsaved))
    } else if (epoch !== this.#epoch || to !== this.#version) {
      if (this.#syncing) this.#missed = true
      else this.sync().catch(() => {})
    }
    if (state.refreshedAt !== undefined) this.note(state as ReadingState)
  }

  #apply(changes: MapChanges): void {
    const news: [string, MapEntry | null][] = []
    for (const [topic, entry] of Object.entries(changes)) {
      const known = this.map.topics.get(topic)
      const same = known?.partitions === entry?.partitions && known?.internal === entry?.internal
      if (!same) news.push([topic, entry])
    }
    if (news.length === 0) return
    this.map.apply(Object.fromEntries(news))
    this.#events.changed(Object.fromEntries(news))
  }
}

function entryOf(text: string): MapEntry {
  const [partitions, internal] = text.split(' ')
  return { partitions: Number(partitions), internal: internal === 'internal' }
}

function stateOf(refreshedAt: string | null, error: string | null, errorAt: string | null): ReadingState {
  return {
    refreshedAt: refreshedAt === null ? null : Number(refreshedAt),
    error: error === null ? '' : JSON.parse(error),
    errorAt: errorAt === null ? null : Number(errorAt),
  }
}

type Topics = ReadonlyMap<string, MapEntry>

/** The changes that lead from one to the other. */
function difference(from: Topics, to: Topics): MapChanges {
  const gone = [...from.keys()].filter((topic) => !to.has(topic)).map((topic) => [topic, null] as const)
  return { ...Object.fromEntries(gone), ...Object.fromEntries(to) }
}

/** What `to` knows beyond `from`: other topics, and more partitions. */
function additions(from: Topics, to: Topics): MapChanges {
  const more = [...to].filter(([topic, { partitions }]) => partitions > (from.get(topic)?.partitions ?? 0))
  return Object.fromEntries(more)
}
