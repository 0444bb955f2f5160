/** When to send: a time in ms for each event. Equal seeds give equal times, in every thread. */
export class Schedule {
  /** Of the next event. */
  at: number
  readonly #gap: number
  readonly #random: (() => number) | null

  /** @param even false: Poisson, which is what many independent producers look like together */
  constructor(start: number, perSecond: number, even: boolean, seed: number) {
    this.#gap = 1000 / perSecond
    this.#random = even ? null : randomFrom(seed)
    this.at = start
  }

  advance(): void {
    this.at += this.#random ? -Math.log(1 - this.#random()) * this.#gap : this.#gap
  }
}

/** Numbers in [0, 1) (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Monotonic, in ms, and the same in all threads of a process (`performance.now()` is not). */
export function clock(): () => number {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return () => offset + performance.now()
}
