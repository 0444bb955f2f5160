const KEPT = 31

/** The last round trips of a broker's submissions, for what counts as overdue there. */
export class RoundTrips {
  readonly #last: number[] = []
  #next = 0

  add(ms: number): void {
    this.#last[this.#next] = ms
    this.#next = (this.#next + 1) % KEPT
  }

  /** ms; 0 before the first answer. */
  median(): number {
    if (this.#last.length === 0) return 0
    return this.#last.toSorted((a, b) => a - b)[this.#last.length >> 1]!
  }
}
