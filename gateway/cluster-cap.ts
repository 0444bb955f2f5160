import type { ClientConnection } from '#gateway/connection.ts'

/**
 * What a batch that waits takes in memory beside its bytes. Measured: 2.3 KB for a request with one batch, of
 * which the request itself takes half.
 */
export const BATCH_OVERHEAD = 1024
/** Reading begins again when a cluster holds less than this share of its cap. */
const RESUME_AT = 0.8

/**
 * How many bytes of a worker's memory one cluster's batches may hold, so that a dead cluster's queue leaves
 * room for the others. At the cap the sockets that bring more for it are not read; one that carries batches
 * of other clusters too is read on, and its new batches for this cluster are refused.
 */
export class ClusterCap {
  /** Bytes. */
  cap: number
  held = 0
  readonly #waiting = new Set<ClientConnection>()

  constructor(cap: number) {
    this.cap = cap
  }

  get isFull(): boolean {
    return this.held >= this.cap
  }

  add(connection: ClientConnection, bytes: number): void {
    this.held += bytes + BATCH_OVERHEAD
    if (!this.isFull || this.#waiting.has(connection)) return
    this.#waiting.add(connection)
    connection.pauseForCluster()
  }

  release(bytes: number): void {
    this.held -= bytes + BATCH_OVERHEAD
    if (this.#waiting.size === 0 || this.held >= this.cap * RESUME_AT) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const connection of waiting) connection.resumeForCluster()
  }

  forget(connection: ClientConnection): void {
    this.#waiting.delete(connection)
  }
}
