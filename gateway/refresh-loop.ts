import { setTimeout as pause } from 'node:timers/promises'
import { type MapChanges, PartitionMap } from '#fleet/partition-map.ts'
import { TopicReader } from '#fleet/refresher.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import type { Log } from '#telemetry/log.ts'

/** A cluster that could not be read is tried again this soon, in ms. */
const RETRY_MS = 1000

/** Keeps the partition map of one cluster current on a local timer, for a node without a fleet. */
export class RefreshLoop {
  readonly map = new PartitionMap()
  /** ms since 1970 of the last good reading. */
  refreshedAt: number | null = null
  error = ''
  readonly #cluster: ClusterConfig
  readonly #intervalMs: number
  readonly #reader: TopicReader
  readonly #log: Log
  readonly #stopped = new AbortController()
  readonly #changed: (changes: MapChanges) => void

  constructor(cluster: ClusterConfig, intervalMs: number, log: Log, changed: (changes: MapChanges) => void) {
    this.#cluster = cluster
    this.#intervalMs = intervalMs
    this.#log = log
    this.#changed = changed
    const brokers = cluster.bootstrapServers.map(({ host, port }) => `${host}:${port}`)
    this.#reader = new TopicReader({ name: cluster.name, clientId: cluster.clientId, brokers }, log)
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const ok = await this.#refresh()
      const wait = ok ? this.#intervalMs : Math.min(RETRY_MS, this.#intervalMs)
      await pause(wait, undefined, { signal }).catch(() => {})
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

  learned(changes: MapChanges): void {
    this.map.apply(changes)
  }

  stop(): void {
    this.#stopped.abort()
  }
}
