import { readName, spells } from '#protocol/names.ts'

/**
 * Reads Kafka's primitive types from a buffer. Never copies: byte fields are views on the buffer.
 *
 * Every length is checked against the bytes that are really there before anything is allocated for it, and
 * every element of an array takes at least one byte, so a declared count can never cost more memory than
 * the frame that declares it (the class of CVE-2026-111108 and CVE-2026-111115).
 */

/** The bytes do not follow the protocol. The message names the field, the value and the limit. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/** A tagged field that no schema of ours knows: carried along untouched (KIP-482). */
export interface UnknownTag {
  tag: number
  data: Buffer
}

/** More tagged fields than any message of Kafka has ever had; beyond it a frame is an attack. */
export const MAX_TAGGED_FIELDS = 64

export class Reader {
  buffer: Buffer
  position: number
  readonly end: number

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Moves over `length` bytes and returns where they begin. */
  take(length: number, what: string): number {
    const start = this.position
    if (length > this.end - start) {
      throw new ProtocolError(`${what} needs ${length} bytes, but ${this.end - start} are left`)
    }
    this.position = start + length
    return start
  }

  int8(): number {
    return this.buffer.readInt8(this.take(1, 'int8'))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2, 'int16'))
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.take(2, 'uint16'))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4, 'int32'))
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.take(8, 'int64'))
  }

  /** 16 bytes as base64url text, the form in which Kafka prints ids. */
  uuid(): string {
    const start = this.take(16, 'uuid')
    return this.buffer.toString('base64url', start, start + 16)
  }

  /** Unsigned LEB128 of at most 32 bits. */
  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.take(1, 'varint')] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffffffff) throw new ProtocolError(`varint ${value} is over 32 bits`)
        return value
      }
    }
    throw new ProtocolError('varint is longer than 5 bytes')
  }

  /** Length of a string (int16, or varint + 1 when compact); -1 is null. */
  stringLength(compact: boolean): number {
    const length = compact ? this.unsignedVarint() - 1 : this.int16()
    if (length < -1 || length > 0x7fff) throw new ProtocolError(`string length ${length} is invalid`)
    return length
  }

  /** @param likely what it probably is: then nothing is made */
  nullableString(compact: boolean, likely: string | null = null): string | null {
    const length = this.stringLength(compact)
    if (length < 0) return null
    const start = this.take(length, 'string')
    if (likely !== null && spells(likely, this.buffer, start, start + length)) return likely
    return readName(this.buffer, start, start + length)
  }

  /** Length of a byte field (int32, or varint + 1 when compact); -1 is null. */
  bytesLength(compact: boolean): number {
    const length = compact ? this.unsignedVarint() - 1 : this.int32()
    if (length < -1) throw new ProtocolError(`bytes length ${length} is negative`)
    return length
  }

  /** A view on the buffer, not a copy. */
  nullableBytes(compact: boolean): Buffer | null {
    const length = this.bytesLength(compact)
    if (length < 0) return null
    const start = this.take(length, 'bytes')
    return this.buffer.subarray(start, start + length)
  }

  /** Number of elements (int32, or varint + 1 when compact); -1 is null. Never more than bytes are left. */
  arrayLength(compact: boolean): number {
    const length = compact ? this.unsignedVarint() - 1 : this.int32()
    if (length < -1) throw new ProtocolError(`array length ${length} is negative`)
    if (length > this.remaining) {
      throw new ProtocolError(`array of ${length} elements, but ${this.remaining} bytes are left`)
    }
    return length
  }

  /** Number of tagged fields that follow. */
  tagCount(): number {
    const count = this.unsignedVarint()
    if (count > MAX_TAGGED_FIELDS) {
      throw new ProtocolError(`${count} tagged fields, the limit is ${MAX_TAGGED_FIELDS}`)
    }
    return count
  }

  /** Moves over a section of tagged fields without keeping any. */
  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.unsignedVarint()
      this.take(this.unsignedVarint(), 'tagged field')
    }
  }
}
