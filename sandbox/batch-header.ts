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

export const CODEC_MASK = 0x07
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20

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
