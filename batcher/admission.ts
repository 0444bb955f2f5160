/** Somebody whose bytes are counted, and who can be asked to read no more for a while. */
export interface Holder {
  /** Bytes reserved for it; kept by the ledger. */
  reserved: number
  /** Of these, bytes of a frame that is not whole yet; kept by the ledger. */
  unfinished: number
  /** When that frame began, in ms of any one clock. */
  readonly unfinishedSince: number
  pause(): void
  resume(): void
  /** Its unfinished frame is the slowest of too many: it must go. */
  evict(): void
  /** It has waited for a large-frame permit and holds one now. */
  permit(): void
}

/** Shares of the budget, each with what happens there. */
const SHARES = {
  /** Whoever holds more than the average and brings more is read no more. */
  pauseLarge: 0.8,
  /** Nobody is read any more: one turn of the event loop may still bring a chunk of each socket. */
  pauseAll: 0.9,
  /** New connections are accepted and wait. */
  stopAccepting: 0.95,
  /** Everybody is read again. */
  resume: 0.7,
  /** Unfinished frames together; below `resume`, or nobody could finish one. */
  unfinished: 0.25,
} as const

/** Frames over this size need a permit while they are read, in bytes. */
export const LARGE_FRAME = 1024 * 1024

/**
 * The ledger of bytes held for clients. Overload is never an error: whoever brings more is not read until
 * there is room, and TCP carries the pressure to the client.
 */
export class Admission {
  /** Bytes. */
  budget: number
  used = 0
  /** The most that was ever used, in bytes. */
  peak = 0
  unfinished = 0
  /** Free ones; below 0 while more are held than there are since a `resize`. */
  #permits: number
  #allPermits: number
  #holding = 0
  readonly #holders = new Set<Holder>()
  readonly #paused = new Set<Holder>()
  readonly #waiting = new Set<Holder>()

  constructor(budget: number, permits = 8) {
    this.budget = budget
    this.#permits = permits
    this.#allPermits = permits
  }

  /** What is held beyond a smaller budget stays; nothing more is read until it fits. */
  resize(budget: number, permits: number): void {
    this.budget = budget
    this.#permits += permits - this.#allPermits
    this.#allPermits = permits
    while (this.#permits > 0 && this.#waiting.size > 0) {
      this.#permits--
      this.givePermit()
    }
  }

  get paused(): number {
    return this.#paused.size
  }

  /** Somebody who may hold bytes from now on. */
  join(holder: Holder): void {
    this.#holders.add(holder)
    if (this.used >= this.budget * SHARES.stopAccepting) this.#pause(holder)
  }

  /** It reads no more. What it holds stays counted until it is released. */
  leave(holder: Holder): void {
    this.#holders.delete(holder)
    this.#paused.delete(holder)
    this.#waiting.delete(holder)
  }

  reserve(holder: Holder, bytes: number): void {
    if (holder.reserved === 0 && bytes > 0) this.#holding++
    holder.reserved += bytes
    this.used += bytes
    if (this.used > this.peak) this.peak = this.used
    if (this.used < this.budget * SHARES.pauseLarge) return
    if (this.used >= this.budget * SHARES.pauseAll) for (const each of this.#holders) this.#pause(each)
    else if (holder.reserved * this.#holding >= this.used) this.#pause(holder)
  }

  release(holder: Holder, bytes: number): void {
    holder.reserved -= bytes
    this.used -= bytes
    if (holder.reserved === 0 && bytes > 0) this.#holding--
    if (this.#paused.size === 0 || this.used >= this.budget * SHARES.resume) return
    const waiting = [...this.#paused]
    this.#paused.clear()
    for (const each of waiting) each.resume()
  }

  /** How much of a holder's reservation is for a frame that is not whole; 0 when it is whole or given up. */
  setUnfinished(holder: Holder, bytes: number): void {
    this.unfinished += bytes - holder.unfinished
    holder.unfinished = bytes
    if (this.unfinished <= this.budget * SHARES.unfinished) return
    let slowest = holder
    for (const each of this.#holders) {
      if (each.unfinished > 0 && each.unfinishedSince < slowest.unfinishedSince) slowest = each
    }
    slowest.evict()
  }

  /** @returns whether the large frame may be read now; else `permit` is called when its turn comes */
  takePermit(holder: Holder): boolean {
    if (this.#permits > 0) {
      this.#permits--
      return true
    }
    this.#waiting.add(holder)
    return false
  }

  givePermit(): void {
    const [next] = this.#waiting
    if (!next || this.#permits < 0) {
      this.#permits++
      return
    }
    this.#waiting.delete(next)
    next.permit()
  }

  #pause(holder: Holder): void {
    if (this.#paused.has(holder)) return
    this.#paused.add(holder)
    holder.pause()
  }
}
