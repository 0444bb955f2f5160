import { ProtocolError } from '#protocol/reader.ts'

const SMALL = 1024
const SLAB = 8192

/**
 * Cuts a byte stream into frames: length int32 · that many bytes.
 *
 * Memory follows the bytes that came, never the length that was declared: an unfinished frame is a list of
 * the chunks it arrived in. A frame that lies within one chunk is a view on it; one that spans chunks is
 * copied once, when it is whole. What is left of a chunk that will be overwritten is copied by `own`, at once
 * to where the rest of its frame may follow it.
 */
export class FrameSplitter {
  readonly #chunks: Buffer[] = []
  #slab: Buffer | null = null
  #slabUsed = 0
  /** Where in the first chunk the next frame begins. */
  #start = 0
  /** Bytes held from there on. */
  #held = 0
  #maxFrameBytes: number

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  set maxFrameBytes(limit: number) {
    this.#maxFrameBytes = limit
  }

  /** Bytes that have come of frames not yet taken, length prefixes included. */
  get held(): number {
    return this.#held
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.#held > 0 && (chunk.length < SMALL || this.#fits(chunk))) this.#append(chunk)
    else this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /**
   * The memory of the chunk that was pushed last is about to be used for something else: what is left of it is
   * copied. The copy has room for the whole frame where half of that has come.
   */
  own(chunk: Buffer): void {
    const last = this.#chunks.length - 1
    if (last < 0 || this.#chunks[last]!.buffer !== chunk.buffer) return
    const rest = last === 0 ? chunk.subarray(this.#start) : chunk
    const whole = this.#held < 4 ? 0 : this.#peekInt32() + 4
    const room =
      whole <= this.#held * 2 ? Math.max(rest.length, whole - this.#held + rest.length) : rest.length
    const slab = Buffer.allocUnsafeSlow(room)
    this.#slabUsed = rest.copy(slab)
    this.#slab = slab
    this.#chunks[last] = slab.subarray(0, this.#slabUsed)
    if (last === 0) this.#start = 0
  }

  #fits(chunk: Buffer): boolean {
    return this.#slab !== null && this.#slabUsed + chunk.length <= this.#slab.length
  }

  /** Bytes that trickle in share a slab: a chunk object each would cost a hundred times their size. */
  #append(chunk: Buffer): void {
    if (this.#slab === null || !this.#fits(chunk)) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB)
      this.#slabUsed = 0
    }
    const slab = this.#slab
    const last = this.#chunks.length - 1
    const view = this.#chunks[last]!
    const start = this.#slabUsed
    this.#slabUsed += chunk.copy(slab, start)
    // A view on the slab ends where the new bytes begin, unless a large chunk came in between.
    if (view.buffer !== slab.buffer) this.#chunks.push(slab.subarray(start, this.#slabUsed))
    else this.#chunks[last] = slab.subarray(view.byteOffset - slab.byteOffset, this.#slabUsed)
  }

  /** A few bytes at the end of a large chunk must not keep all of it until the rest of their frame comes. */
  #unpin(): void {
    const first = this.#chunks[0]
    if (!first || first.buffer === this.#slab?.buffer) return
    const left = first.length - this.#start
    if (left * 2 >= first.buffer.byteLength) return
    this.#chunks[0] = Buffer.allocUnsafeSlow(left)
    first.copy(this.#chunks[0], 0, this.#start)
    this.#start = 0
  }

  /**
   * Length of the next frame without its prefix, or -1 while the prefix is incomplete.
   * @throws ProtocolError for a length below 1 or over the limit
   */
  declared(): number {
    if (this.#held < 4) {
      this.#unpin()
      return -1
    }
    const length = this.#peekInt32()
    if (length < 1 || length > this.#maxFrameBytes) {
      const limit = `is not between 1 and ${this.#maxFrameBytes}`
      throw new ProtocolError(`frame length ${length} ${limit}${speaksLike(length)}`)
    }
    return length
  }

  /** Whether nothing is held and the first `count` bytes are exactly one frame: then they need not be pushed. */
  isFrame(buffer: Buffer, count: number): boolean {
    if (this.#held > 0 || count < 5) return false
    const length = buffer.readInt32BE(0)
    return length === count - 4 && length <= this.#maxFrameBytes
  }

  /** The next whole frame without its prefix, or null while it is not whole. */
  next(): Buffer | null {
    const length = this.declared()
    if (length < 0) return null
    if (this.#held < 4 + length) {
      this.#unpin()
      return null
    }
    this.#skip(4)
    const first = this.#chunks[0]!
    const end = this.#start + length
    const frame = end <= first.length ? first.subarray(this.#start, end) : this.#gather(length)
    this.#skip(length)
    return frame
  }

  /** The first bytes held, up to `length`, as one view or copy. */
  peekAll(length = this.#held): Buffer {
    const wanted = Math.min(length, this.#held)
    return wanted === 0 ? Buffer.alloc(0) : this.#gather(wanted)
  }

  /** Throws away the first bytes held. */
  drop(length: number): void {
    this.#skip(Math.min(length, this.#held))
  }

  /** Forgets everything held. */
  clear(): void {
    this.#chunks.length = 0
    this.#slab = null
    this.#start = 0
    this.#held = 0
  }

  #peekInt32(): number {
    const first = this.#chunks[0]!
    if (this.#start + 4 <= first.length) return first.readInt32BE(this.#start)
    return this.#gather(4).readInt32BE(0)
  }

  #gather(length: number): Buffer {
    const frame = Buffer.allocUnsafeSlow(length)
    let filled = 0
    for (let i = 0, start = this.#start; filled < length; i++, start = 0) {
      filled += this.#chunks[i]!.copy(frame, filled, start, start + length - filled)
    }
    return frame
  }

  #skip(length: number): void {
    this.#held -= length
    let start = this.#start + length
    let done = 0
    while (done < this.#chunks.length && start >= this.#chunks[done]!.length) {
      start -= this.#chunks[done]!.length
      done++
    }
    if (done > 0) this.#chunks.splice(0, done)
    if (this.#held === 0) this.#slab = null
    this.#start = start
  }
}

/** What other protocols begin with, read as a length. */
function speaksLike(length: number): string {
  const start = Buffer.alloc(4)
  start.writeInt32BE(length)
  if (start[0] === 0x16 && start[1] === 3) return ': the beginning of a TLS connection'
  const text = start.toString('latin1')
  return /^[A-Z]{3,4} ?$/.test(text) ? `: "${text}", as HTTP begins` : ''
}
