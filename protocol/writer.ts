import type { UnknownTag } from '#protocol/reader.ts'

/** Characters. */
const SHORT = 64
/** Bytes that a writer keeps when it is used again. */
const KEPT = 64 * 1024

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Writes Kafka's primitive types into a buffer that grows by doubling. */
export class Writer {
  buffer: Buffer
  position = 0

  constructor(capacity = 256) {
    this.buffer = Buffer.allocUnsafe(capacity)
  }

  /** The bytes written so far: a view, valid until the next write. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.position)
  }

  /** A copy of them; the writer may be used again. Memory that one long text took is given back. */
  takeCopy(): Buffer {
    const copy = Buffer.allocUnsafe(this.position)
    this.buffer.copy(copy, 0, 0, this.position)
    this.position = 0
    if (this.buffer.length > KEPT) this.buffer = Buffer.allocUnsafe(SHORT)
    return copy
  }

  /** Makes room for `length` more bytes and returns where they begin. */
  reserve(length: number): number {
    const start = this.position
    const needed = start + length
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2))
      this.buffer.copy(grown, 0, 0, start)
      this.buffer = grown
    }
    this.position = needed
    return start
  }

  int8(value: number): void {
    const at = this.reserve(1)
    this.buffer.writeInt8(value, at)
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    const at = this.reserve(2)
    this.buffer.writeInt16BE(value, at)
  }

  uint16(value: number): void {
    const at = this.reserve(2)
    this.buffer.writeUInt16BE(value, at)
  }

  int32(value: number): void {
    const at = this.reserve(4)
    this.buffer.writeInt32BE(value, at)
  }

  int64(value: bigint): void {
    const at = this.reserve(8)
    this.buffer.writeBigInt64BE(value, at)
  }

  uuid(value: string): void {
    const at = this.reserve(16)
    const written = this.buffer.write(value, at, 16, 'base64url')
    if (value.length !== 22 || written !== 16) {
      throw new RangeError(`uuid "${value}" is not 16 bytes of base64url`)
    }
  }

  unsignedVarint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      const at = this.reserve(1)
      this.buffer[at] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    const at = this.reserve(1)
    this.buffer[at] = rest
  }

  nullableString(value: string | null, compact: boolean): void {
    if (value === null) return this.#length(-1, compact, 2)
    if (value.length < SHORT && isAscii(value)) return this.#short(value, compact)
    const length = Buffer.byteLength(value)
    if (length > 0x7fff) throw new RangeError(`string of ${length} bytes, the limit is 32767`)
    this.#length(length, compact, 2)
    const at = this.reserve(length)
    this.buffer.write(value, at, length, 'utf8')
  }

  /** Names, mostly: a loop takes less than two calls into Node. */
  #short(value: string, compact: boolean): void {
    this.#length(value.length, compact, 2)
    const at = this.reserve(value.length)
    for (let i = 0; i < value.length; i++) this.buffer[at + i] = value.charCodeAt(i)
  }

  nullableBytes(value: Buffer | null, compact: boolean): void {
    if (value === null) return this.#length(-1, compact, 4)
    this.#length(value.length, compact, 4)
    this.raw(value)
  }

  arrayLength(length: number, compact: boolean): void {
    this.#length(length, compact, 4)
  }

  raw(bytes: Buffer): void {
    const at = this.reserve(bytes.length)
    bytes.copy(this.buffer, at)
  }

  emptyTags(): void {
    this.unsignedVarint(0)
  }

  tag({ tag, data }: UnknownTag): void {
    this.unsignedVarint(tag)
    this.unsignedVarint(data.length)
    this.raw(data)
  }

  #length(length: number, compact: boolean, size: 2 | 4): void {
    if (compact) this.unsignedVarint(length + 1)
    else if (size === 2) this.int16(length)
    else this.int32(length)
  }
}
