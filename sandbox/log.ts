import { lastOffsetDelta } from '#sandbox/batch-header.ts'
import type { Retention } from '#sandbox/retention.ts'

export interface StoredBatch {
  /** Offset of its first record. */
  readonly offset: number
  readonly lastOffset: number
  /** As a consumer gets it: base offset and leader epoch are the broker's. */
  readonly bytes: Buffer
}

/** Stands where a dropped batch was, so that its bytes are free at once. */
const GONE: StoredBatch = { offset: -1, lastOffset: -1, bytes: Buffer.alloc(0) }

/** The batches of one partition, oldest first. Offsets are numbers: 2^53 records are out of reach. */
export class Log {
  /** Of the oldest record still there. */
  startOffset = 0
  /** Of the next record to come. */
  endOffset = 0
  bytes = 0
  readonly #retention: Retention
  #batches: StoredBatch[] = []
  #head = 0

  constructor(retention: Retention) {
    this.#retention = retention
  }

  get batches(): StoredBatch[] {
    return this.#batches.slice(this.#head)
  }

  /** @param bytes finished, and nobody else's */
  append(bytes: Buffer): void {
    const offset = this.endOffset
    const lastOffset = offset + lastOffsetDelta(bytes)
    this.#batches.push({ offset, lastOffset, bytes })
    this.endOffset = lastOffset + 1
    this.bytes += bytes.length
    this.#retention.added(this, bytes.length)
  }

  /** The batch that holds `offset` and those behind it, as long as `wanted` says so. */
  readFrom(offset: number, wanted: (batch: StoredBatch) => boolean): void {
    for (let i = this.#find(offset); i < this.#batches.length; i++) {
      if (!wanted(this.#batches[i]!)) return
    }
  }

  dropOldest(): number {
    const oldest = this.#batches[this.#head]
    if (!oldest) return -1
    this.#batches[this.#head++] = GONE
    this.startOffset = oldest.lastOffset + 1
    this.bytes -= oldest.bytes.length
    if (this.#head > 64 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.batches
      this.#head = 0
    }
    return oldest.bytes.length
  }

  clear(): void {
    this.#retention.removed(this.#batches.length - this.#head, this.bytes)
    this.#batches = []
    this.#head = 0
    this.bytes = 0
  }

  /** Place of the first batch whose last offset is not below `offset`. */
  #find(offset: number): number {
    let low = this.#head
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
