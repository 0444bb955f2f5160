import { AT } from '#sandbox/batch-header.ts'

/**
 * Walks the records of an uncompressed batch as the broker's DefaultRecord does:
 *
 *     length varint · attributes int8 · timestampDelta varlong · offsetDelta varint
 *     · keyLength varint · key · valueLength varint · value · headers varint · (key · value)*
 *
 * Nothing is copied. The offset deltas are not checked, because the broker does not (broker-facts.md §2.2).
 */

/** The records do not follow the grammar: INVALID_RECORD. */
export class InvalidRecords extends Error {}
/** The broker runs into an exception of its own on these bytes: UNKNOWN_SERVER_ERROR. */
export class UnexpectedBytes extends Error {}

export interface WalkedRecord {
  /** Milliseconds behind the batch's baseTimestamp. */
  timestampDelta: number
  hasKey: boolean
}

/** @param each called for the records in turn, before the next one is read */
export function walkRecords(batch: Buffer, each: (record: WalkedRecord, index: number) => void): void {
  const count = batch.readInt32BE(AT.count)
  const cursor = new Cursor(batch)
  for (let i = 0; i < count; i++) each(readRecord(cursor), i)
  if (cursor.remaining > 0) throw new InvalidRecords('bytes are left behind the last record')
}

const record: WalkedRecord = { timestampDelta: 0, hasKey: false }

function readRecord(cursor: Cursor): WalkedRecord {
  const size = cursor.recordLength()
  if (size > cursor.remaining) throw new InvalidRecords(`a record of ${size} bytes`)
  const start = cursor.position
  cursor.skip(1)
  record.timestampDelta = cursor.varlong()
  cursor.varint()
  record.hasKey = cursor.skipField()
  cursor.skipField()
  const headers = cursor.varint()
  if (headers < 0 || headers > cursor.remaining) throw new InvalidRecords(`${headers} headers`)
  for (let left = headers; left > 0; left--) {
    if (!cursor.skipField()) throw new InvalidRecords('a header without a key')
    cursor.skipField()
  }
  if (cursor.position - start !== size) throw new InvalidRecords('the record has another length')
  return record
}

class Cursor {
  readonly #bytes: Buffer
  position = 61

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.position
  }

  skip(length: number): void {
    if (length > this.remaining) throw new InvalidRecords('the batch ends too early')
    this.position += length
  }

  /** Passes over a key or value. @returns false for null */
  skipField(): boolean {
    const length = this.varint()
    if (length < 0) return false
    this.skip(length)
    return true
  }

  varint(): number {
    const raw = this.#unsigned()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** Brokers read a record's length outside the place where they expect bad bytes. */
  recordLength(): number {
    try {
      return this.varint()
    } catch (error) {
      throw this.remaining > 0 ? new UnexpectedBytes((error as Error).message) : error
    }
  }

  #unsigned(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new InvalidRecords('a varint of more than 5 bytes')
  }

  /** Exact up to 2^53, which no time of day comes near. */
  varlong(): number {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1)
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const raw = BigInt.asUintN(64, value)
        return Number(BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n)))
      }
    }
    throw new InvalidRecords('a varlong of more than 10 bytes')
  }

  #byte(): number {
    if (this.remaining < 1) throw new InvalidRecords('the batch ends too early')
    return this.#bytes[this.position++]!
  }
}
