/** Who has something to write when the turn of the event loop ends. */
export interface Flushed {
  flush(): void
}

/**
 * Calls everybody once at the end of the turn, however often they ask: one answer of an upstream brings acks
 * for many clients, and a microtask for each would cost more than the write it is for.
 */
export class TurnEnd {
  #waiting: Flushed[] = []
  readonly #run = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.flush()
  }

  /** @param one is called once; it must not ask again before that */
  add(one: Flushed): void {
    if (this.#waiting.push(one) === 1) queueMicrotask(this.#run)
  }
}
