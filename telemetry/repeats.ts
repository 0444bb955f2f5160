/** Of one text, within one period. */
const ADMITTED = 10
/** Texts told apart within one period; all others are one. */
const TEXTS = 200

/** Lets a text through a few times in each period, and counts the rest. */
export class Repeats {
  readonly #periodMs: number
  readonly #seen = new Map<string, number>()
  readonly #leftOut = new Map<string, number>()
  #periodEnds = 0

  constructor(periodMs: number) {
    this.#periodMs = periodMs
  }

  admits(text: string): boolean {
    const now = performance.now()
    if (now >= this.#periodEnds) {
      this.#periodEnds = now + this.#periodMs
      this.#seen.clear()
    }
    const key = this.#seen.has(text) || this.#seen.size < TEXTS ? text : ''
    const count = (this.#seen.get(key) ?? 0) + 1
    this.#seen.set(key, count)
    if (count <= ADMITTED) return true
    this.#leftOut.set(key, (this.#leftOut.get(key) ?? 0) + 1)
    return false
  }

  /** How often what was left out since the last call; an empty text stands for all others. */
  takeLeftOut(): [text: string, count: number][] {
    const counts = [...this.#leftOut]
    this.#leftOut.clear()
    return counts
  }
}
