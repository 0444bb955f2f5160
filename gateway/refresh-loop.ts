import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type MapChanges, type MapEntry, PartitionMap } from '#fleet/partition-map.ts'
import { TopicReader } from '#fleet/refresher.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { readTopicNames } from '#gateway/topic-names.ts'
import type { Log } from '#telemetry/log.ts'

/** A cluster that could not be read is tried again this soon, in ms. */
const RETRY_MS = 1000

/** Keeps the partition map of one cluster current on a local timer, for a node without a fleet. */
export class RefreshLoop {
  readonly map = new PartitionMap()
  /** ms since 1970 of the last good reading. */
  refreshedAt: number | null = null
  error = ''
  #cluster: ClusterConfig
  #intervalMs: number
  #reader: TopicReader
  readonly #log: Log
  readonly #stopped = new AbortController()
  /** Ends the pause between two readings. */
  #wake = new AbortController()
  readonly #changed: (changes: MapChanges) => void
  readonly #pinned: () => string | undefined

  /** Resolves when the cluster was read for the first time, or could not be. */
  readonly first: Promise<void>
  #firstDone: () => void = () => {}

  /** @param pinned the id of the cluster that the workers have met, if they have */
  constructor(
    cluster: ClusterConfig,
    intervalMs: number,
    log: Log,
    events: { changed(changes: MapChanges): void; pinned(): string | undefined },
  ) {
    this.first = new Promise((resolve) => (this.#firstDone = resolve))
    this.#cluster = cluster
    this.#intervalMs = intervalMs
    this.#log = log
    this.#changed = events.changed
    this.#pinned = events.pinned
    this.#reader = this.#readerOf(cluster)
  }

  #readerOf(cluster: ClusterConfig): TopicReader {
    const brokers = cluster.bootstrapServers.map(({ host, port }) => `${host}:${port}`)
    const names = async () => {
      const { clusterId, names } = await readTopicNames(cluster)
      const pinned = this.#pinned()
      if (pinned === undefined || clusterId === pinned) return names
      throw new Error(`the bootstrap servers lead to cluster ${clusterId}, not to ${pinned}`)
    }
    return new TopicReader({ name: cluster.name, clientId: cluster.clientId, brokers }, names, this.#log)
  }

  /** The next reading is made at once if anything has changed that it goes by. */
  reload(cluster: ClusterConfig, intervalMs: number): void {
    const of = ({ bootstrapServers, clientId }: ClusterConfig) => [bootstrapServers, clientId]
    const moved = !isDeepStrictEqual(of(this.#cluster), of(cluster))
    if (!moved && intervalMs === this.#intervalMs) return
    this.#intervalMs = intervalMs
    this.#cluster = cluster
    if (moved) {
      void this.#reader.close()
      this.#reader = this.#readerOf(cluster)
    }
    this.#wake.abort()
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const ok = await this.#refresh()
      this.#firstDone()
      const wait = ok ? this.#intervalMs : Math.min(RETRY_MS, this.#intervalMs)
      this.#wake = new AbortController()
      await pause(wait, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => {})
    }
    await this.#reader.close()
  }

  async #refresh(): Promise<boolean> {
    try {
      const reading = await this.#reader.read()
      const changes = this.map.update(reading)
      if (Object.keys(changes).length > 0) this.#changed(changes)
      this.refreshedAt = Date.now()
      this.error = reading.failed.length > 0 ? `not readable: ${reading.failed.slice(0, 5).join(', ')}` : ''
      return true
    } catch (error) {
      const reason = (error as Error).message
      if (reason !== this.error && !this.#stopped.signal.aborted) {
        this.#log.warn({ cluster: this.#cluster.name, error: reason }, 'topics could not be read')
      }
      this.error = reason
      return false
    }
  }

  /** What a worker has found out by asking the cluster itself; an older answer must not shrink the map. */
  learned(topic: string, entry: MapEntry): void {
    const known = this.map.topics.get(topic)
    if (!known || entry.partitions > known.partitions) this.map.apply({ [topic]: entry })
  }

  stop(): void {
    this.#stopped.abort()
  }
}
