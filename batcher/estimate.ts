/** Arrivals are remembered for about this long, in ms. */
const MEMORY_MS = 50
/** Each arrival is compared with so many before it... */
const COMPARED = 8
/** ...and changes the estimate of how alike they are by this share. */
const SHARE = 1 / 32

/**
 * How many batches are about to come, judged by those that came of themselves. A closed-loop producer sends
 * because we have just answered it: counting that would make us wait for what our own answer triggers
 * (feasibility.md; an eighth of the rate was measured).
 */
export class ArrivalEstimate {
  /** Arrivals per ms, decaying. */
  #rate = 0
  #at = 0
  /** How likely it is that two arrivals are for the same partition. */
  #sameness = 0
  readonly #last: unknown[] = []
  #next = 0

  /** @param partition whatever stands for it; compared by identity */
  note(now: number, partition: unknown): void {
    this.#rate = this.perMs(now) + 1 / MEMORY_MS
    this.#at = now
    let same = 0
    for (const other of this.#last) if (other === partition) same++
    if (this.#last.length > 0) this.#sameness += (same / this.#last.length - this.#sameness) * SHARE
    this.#last[this.#next] = partition
    this.#next = (this.#next + 1) % COMPARED
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
    // So many partitions, all hit alike, would be hit as unevenly: two hot ones among many idle ones are two.
    const hit = Math.min(known, 1 / this.#sameness)
    const others = Math.max(0, hit - listed)
    if (others === 0) return 0
    // Poisson arrivals over all of them: a further batch of one that is hit already gains nothing.
    return others * (1 - Math.exp((-this.perMs(now) * ms) / hit))
  }
}
