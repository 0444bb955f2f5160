import { setTimeout as pause } from 'node:timers/promises'
import type { Reading } from '#fleet/partition-map.ts'
import { READING_LIMIT_MS, RETRY_MS, type Reader, readWithin } from '#fleet/reading.ts'

export interface ReadingEvents {
  read(reading: Reading): void
  failed(reason: string): void
}

/** Reads a cluster on a timer of this node: without a fleet, or while there is no Redis. */
export class LocalRefresh {
  readonly #reader: Reader
  readonly #intervalMs: () => number
  readonly #events: ReadingEvents
  readonly #limitMs: number
  #stop: AbortController | null = null

  constructor(reader: Reader, intervalMs: () => number, events: ReadingEvents, limitMs = READING_LIMIT_MS) {
    this.#reader = reader
    this.#intervalMs = intervalMs
    this.#events = events
    this.#limitMs = limitMs
  }

  start(): void {
    if (this.#stop) return
    this.#stop = new AbortController()
    void this.#run(this.#stop.signal)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = null
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ok = await this.#readOnce(signal)
      const interval = this.#intervalMs()
      const wait = ok ? interval : Math.min(RETRY_MS, interval)
      await pause(wait, undefined, { signal }).catch(() => {})
    }
  }

  async #readOnce(signal: AbortSignal): Promise<boolean> {
    try {
      const reading = await readWithin(this.#reader, this.#limitMs, signal)
      if (!signal.aborted) this.#events.read(reading)
      return true
    } catch (error) {
      if (!signal.aborted) this.#events.failed((error as Error).message)
      return false
    }
  }
}
