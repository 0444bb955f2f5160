/**
 * Keeps the logs of a whole cluster within a number of bytes: the oldest batch of all goes first, whichever
 * partition it is in.
 */

/** What a batch costs beside its bytes: its entry, its view, its place in the queue. */
const ENTRY_BYTES = 256
/** Views of small batches share a slab, so that they do not each pin the socket read they came in. */
const SLAB_BYTES = 256 * 1024
const SHARED_UP_TO = 16 * 1024

interface Holder {
  /** Drops the oldest batch. @returns its length, or −1 when there is none */
  dropOldest(): number
}

export class Retention {
  /** Bytes held now, entries included. */
  bytes = 0
  dropped = { batches: 0, bytes: 0 }
  readonly #limit: number
  /** The holder of each batch, in the order in which they came. */
  #order: Holder[] = []
  #head = 0
  #slab = Buffer.alloc(0)
  #slabUsed = 0

  /** @param limit in bytes; Infinity keeps all */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** A copy that stays as it is. */
  copy(batch: Buffer): Buffer {
    if (batch.length > SHARED_UP_TO) return Buffer.from(batch)
    if (this.#slabUsed + batch.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#slabUsed = 0
    }
    const end = this.#slabUsed + batch.copy(this.#slab, this.#slabUsed)
    const kept = this.#slab.subarray(this.#slabUsed, end)
    this.#slabUsed = end
    return kept
  }

  /** To be called after each batch that a holder has taken in. */
  added(holder: Holder, length: number): void {
    this.bytes += length + ENTRY_BYTES
    if (this.#limit === Number.POSITIVE_INFINITY) return
    this.#order.push(holder)
    while (this.bytes > this.#limit && this.#head < this.#order.length) this.#dropOne()
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head)
      this.#head = 0
    }
  }

  /** For a topic that is deleted with its batches. */
  removed(batches: number, bytes: number): void {
    this.bytes -= bytes + batches * ENTRY_BYTES
  }

  #dropOne(): void {
    const length = this.#order[this.#head++]!.dropOldest()
    if (length < 0) return
    this.removed(1, length)
    this.dropped.batches++
    this.dropped.bytes += length
  }
}
