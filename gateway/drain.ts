import { setTimeout as pause } from 'node:timers/promises'
import type { WorkerPool } from '#gateway/worker-pool.ts'

/**
 * One drain of a node: clients are still accepted for a while, until load balancers have noticed; then the
 * listeners close, and the connections one by one.
 */
export class Drain {
  /** Resolves when the last connection is gone: true; or when the drain was given up: false. */
  readonly done: Promise<boolean>
  readonly #pool: WorkerPool
  readonly #givenUp = new AbortController()
  #closing = false

  /** @param times in ms: `timeout` from now to the end includes `delay` */
  constructor(pool: WorkerPool, times: { delay: number; timeout: number }) {
    this.#pool = pool
    this.done = this.#run(times)
  }

  async #run({ delay, timeout }: { delay: number; timeout: number }): Promise<boolean> {
    const { signal } = this.#givenUp
    await pause(delay, undefined, { signal }).catch(() => {})
    if (signal.aborted) return false
    this.#closing = true
    await this.#pool.drain(timeout - delay)
    return !signal.aborted
  }

  /** @throws Error that names the port that cannot be bound again; then no port is */
  async giveUp(): Promise<void> {
    this.#givenUp.abort()
    if (this.#closing) await this.#pool.undrain()
  }
}
