/** Somebody whose bytes are counted, and who can be asked to read no more for a while. */
export interface Holder {
  /** Bytes reserved for it; kept by the ledger. */
  reserved: number
  pause(): void
  resume(): void
}

/** Shares of the budget at which reading stops, begins again, and new connections wait. */
const PAUSE_AT = 0.8
const RESUME_AT = 0.7
const STOP_ACCEPTING_AT = 0.95

/**
 * The ledger of bytes held for clients. Overload is never an error: whoever brings more is not read until
 * there is room, and TCP carries the pressure to the client.
 */
export class Admission {
  /** Bytes. */
  readonly budget: number
  used = 0
  /** The most that was ever used, in bytes. */
  peak = 0
  readonly #paused = new Set<Holder>()

  constructor(budget: number) {
    this.budget = budget
  }

  get acceptsConnections(): boolean {
    return this.used < this.budget * STOP_ACCEPTING_AT
  }

  get paused(): number {
    return this.#paused.size
  }

  reserve(holder: Holder, bytes: number): void {
    holder.reserved += bytes
    this.used += bytes
    if (this.used > this.peak) this.peak = this.used
    if (this.used < this.budget * PAUSE_AT || this.#paused.has(holder)) return
    this.#paused.add(holder)
    holder.pause()
  }

  release(holder: Holder, bytes: number): void {
    holder.reserved -= bytes
    this.used -= bytes
    if (this.#paused.size > 0 && this.used < this.budget * RESUME_AT) this.#resumeAll()
  }

  /** The holder reads no more. What it holds stays counted until it is released. */
  forget(holder: Holder): void {
    this.#paused.delete(holder)
  }

  #resumeAll(): void {
    const waiting = [...this.#paused]
    this.#paused.clear()
    for (const holder of waiting) holder.resume()
  }
}
