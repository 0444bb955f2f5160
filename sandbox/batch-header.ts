import { crc32c } from '#protocol/crc.ts'
import { CRC_START } from '#protocol/record-batch.ts'

/**
 * The header of a stored RecordBatch v2, as the broker reads and rewrites it.
 *
 *   0 baseOffset int64 · 8 batchLength int32 · 12 partitionLeaderEpoch int32 · 16 magic int8 · 17 crc uint32
 *   21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64
 *   43 producerId int64 · 51 producerEpoch int16 · 53 baseSequence int32 · 57 recordsCount int32 · 61 records
 */
export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: CRC_START,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const

/** Bytes up to batchLength's end, and up to magic's: what the broker must see before it trusts a batch. */
export const LENGTH_END = 12
export const MAGIC_END = 17

const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20
/** Every bit that has a meaning, but the one for the kind of time. */
const KNOWN_BITS = 0x77

export function attributesOf(batch: Buffer): number {
  return batch.readInt16BE(AT.attributes)
}

/** Where the first batch of a record field ends, behind the length field's own count. */
export function endOf(batch: Buffer): number {
  return LENGTH_END + batch.readInt32BE(AT.batchLength)
}

export function lastOffsetDelta(batch: Buffer): number {
  return batch.readInt32BE(AT.lastOffsetDelta)
}

export function codecOf(batch: Buffer): number {
  return attributesOf(batch) & CODEC_MASK
}

export function isLogAppendTime(batch: Buffer): boolean {
  return (attributesOf(batch) & LOG_APPEND_TIME) !== 0
}

export function hasProducerId(batch: Buffer): boolean {
  return batch.readInt32BE(AT.producerId) >= 0
}

/** An int64 as a number: exact up to 2^53. */
export function readLong(batch: Buffer, at: number): number {
  return batch.readInt32BE(at) * 0x1_0000_0000 + batch.readUInt32BE(at + 4)
}

export function writeLong(batch: Buffer, at: number, value: number): void {
  batch.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
  batch.writeUInt32BE(value >>> 0, at + 4)
}

/**
 * Makes the header name the kind of time and the newest time. Like a broker it leaves a batch alone whose
 * header is right already, and otherwise clears the attribute bits it does not know and makes a new CRC.
 */
export function stamp(batch: Buffer, byBroker: boolean, newest: number): void {
  if (isLogAppendTime(batch) === byBroker && readLong(batch, AT.maxTimestamp) === newest) return
  const kind = byBroker ? LOG_APPEND_TIME : 0
  batch.writeInt16BE((attributesOf(batch) & KNOWN_BITS) | kind, AT.attributes)
  writeLong(batch, AT.maxTimestamp, newest)
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_START)), AT.crc)
}

export function isTransactional(batch: Buffer): boolean {
  return (attributesOf(batch) & TRANSACTIONAL) !== 0
}

export function producerIdOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(AT.producerId)
}
