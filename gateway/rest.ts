import type { ClusterLink } from '#gateway/cluster-link.ts'

/** How long a worker sleeps at most, in ms. Windows linger up to five times that. */
export const REST_MS = 1
/** So long after a batch that did not wait there is no rest, in ms: its like is about to come. */
const URGENT_MS = 50

/** Never written to: waiting for it is sleeping. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4))

/**
 * Interrupt moderation. A worker with thousands of small producers is woken for every single record, though each
 * then waits for its window to close. So while that is all there is to do it sleeps a little instead, and reads
 * several records per wake-up: waking up is a tenth of what a record costs (docs/performance.md).
 *
 * There is no rest while a submission is under way or about to leave, nor soon after a batch that left without
 * waiting: acks and lone producers are never held up.
 */
export class Rest {
  readonly #links: () => Iterable<ClusterLink>
  #scheduled = false

  /** @param links the clusters whose batches a sleep would hold up */
  constructor(links: () => Iterable<ClusterLink>) {
    this.#links = links
  }

  /** What has just come is to wait. Sleeps at the end of this turn of the event loop, if it may. */
  soon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#mayRest(performance.now())) Atomics.wait(NOBODY, 0, 0, REST_MS)
    })
  }

  #mayRest(now: number): boolean {
    for (const { engine, clock, counters } of this.#links()) {
      const busy = engine.inFlightBytes > 0 || clock.flushes || clock.wakesAt < now + REST_MS
      if (busy || now - counters.urgentAt < URGENT_MS) return false
    }
    return true
  }
}
