/** Windows looked at before a lane is added, and before one is removed. */
const GROW_WINDOWS = 20
const SHRINK_WINDOWS = 200

/**
 * Whether a broker needs more lanes. A window counts when every lane was busy until it closed and a batch is
 * left over that a further lane could have carried. Waiting alone is no reason: that is how windows fill.
 */
export class LanePolicy {
  #windows = 0
  #counted = 0
  #sinceCounted = 0

  /** @returns whether to add a lane, remove one, or neither */
  onClosed(counts: boolean): 'add' | 'remove' | 'keep' {
    this.#windows++
    this.#sinceCounted = counts ? 0 : this.#sinceCounted + 1
    if (counts) this.#counted++
    if (this.#sinceCounted >= SHRINK_WINDOWS) {
      this.#sinceCounted = 0
      return 'remove'
    }
    if (this.#windows < GROW_WINDOWS) return 'keep'
    const crowded = this.#counted * 2 > this.#windows
    this.#windows = 0
    this.#counted = 0
    return crowded ? 'add' : 'keep'
  }
}
