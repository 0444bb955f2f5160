/** Arrivals are remembered for about this long, in ms. */
const MEMORY_MS = 50

/**
 * How many batches are about to come, judged by those that came of themselves. A closed-loop producer sends
 * because we have just answered it: counting that would make us wait for what our own answer triggers
 * (feasibility.md; an eighth of the rate was measured).
 */
export class ArrivalEstimate {
  /** Arrivals per ms, decaying. */
  #rate = 0
  #at = 0

  note(now: number): void {
    this.#rate = this.perMs(now) + 1 / MEMORY_MS
    this.#at = now
  }

  perMs(now: number): number {
    return this.#rate * Math.exp((this.#at - now) / MEMORY_MS)
  }

  /**
   * Batches expected within `ms` for partitions that the window does not list yet.
   *
   * @param listed partitions in the window
   * @param known partitions that the broker leads and clients write to
   */
  expected(now: number, ms: number, listed: number, known: number): number {
    const others = Math.max(0, known - listed)
    if (others === 0) return 0
    // Poisson arrivals over all partitions: a further batch of one that is hit already gains nothing.
    return others * (1 - Math.exp((-this.perMs(now) * ms) / known))
  }
}
