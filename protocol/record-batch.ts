import { crc32c } from '#protocol/crc.ts'

/**
 * The header of a RecordBatch v2 (KIP-98). The records behind it are never opened.
 *
 *   0 baseOffset int64 · 8 batchLength int32 · 12 partitionLeaderEpoch int32 · 16 magic int8 · 17 crc uint32
 *   21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64
 *   43 producerId int64 · 51 producerEpoch int16 · 53 baseSequence int32 · 57 recordsCount int32 · 61 records
 *
 * The CRC covers everything from byte 21 on; a broker sets base offset and leader epoch itself.
 */
export const BATCH_HEADER_BYTES = 61
export const CRC_START = 21

const AT = {
  baseOffset: 0,
  batchLength: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
} as const

const CODEC_MASK = 0x07
const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20
const ZSTD = 4

/** Why a batch may not join others upstream, with the Kafka error its sender gets. */
export interface BatchFault {
  readonly code: number
  readonly reason: string
}

const INVALID_RECORD = 87
const fault = (code: number, reason: string): BatchFault => ({ code, reason })
const FAULTS = {
  missing: fault(INVALID_RECORD, 'the partition carries no records'),
  short: fault(INVALID_RECORD, `the batch is shorter than its ${BATCH_HEADER_BYTES} byte header`),
  length: fault(
    INVALID_RECORD,
    'the length field differs from the bytes present: one batch, no more, no less',
  ),
  magic: fault(INVALID_RECORD, 'the magic byte is not 2'),
  transactional: fault(53, 'transactional batches are not served'),
  control: fault(INVALID_RECORD, 'a control batch'),
  baseOffset: fault(INVALID_RECORD, 'the base offset is not 0'),
  count: fault(INVALID_RECORD, 'the record count is not positive'),
  lastOffset: fault(INVALID_RECORD, 'the last offset delta is not the record count less one'),
  sequence: fault(INVALID_RECORD, 'a producer id with a negative base sequence'),
  zstd: fault(76, 'zstd needs Produce version 7'),
  crc: fault(2, 'the CRC does not match'),
} as const

/**
 * Checks a batch before it may share an upstream request with the batches of others. A broker fails the
 * *whole* request for some of these faults, and hangs the connection for one (broker-facts §2.2).
 *
 * @param records the partition's record field, null where it was null
 * @returns null when the batch is fit to be sent
 */
export function findBatchFault(records: Buffer | null, produceVersion: number): BatchFault | null {
  if (records === null || records.length === 0) return FAULTS.missing
  if (records.length < BATCH_HEADER_BYTES) return FAULTS.short
  if (records[AT.magic] !== 2) return FAULTS.magic
  if (records.readInt32BE(AT.batchLength) !== records.length - 12) return FAULTS.length
  if (records.readInt32BE(AT.baseOffset) !== 0 || records.readInt32BE(AT.baseOffset + 4) !== 0) {
    return FAULTS.baseOffset
  }
  // Before anything it covers is believed: a bit that was flipped on the way is to be sent again (2), while
  // 53 and 87 tell a client to give up.
  if (crc32c(records.subarray(CRC_START)) !== records.readUInt32BE(AT.crc)) return FAULTS.crc
  const attributes = records.readInt16BE(AT.attributes)
  if (attributes & TRANSACTIONAL_BIT) return FAULTS.transactional
  if (attributes & CONTROL_BIT) return FAULTS.control
  const count = recordsCount(records)
  if (count <= 0) return FAULTS.count
  if (records.readInt32BE(AT.lastOffsetDelta) !== count - 1) return FAULTS.lastOffset
  if (producerIdHigh(records) >= 0 && baseSequence(records) < 0) return FAULTS.sequence
  if ((attributes & CODEC_MASK) === ZSTD && produceVersion < 7) return FAULTS.zstd
  return null
}

/** True when the header is there and can be read, whatever else is wrong with the batch. */
export function hasHeader(records: Buffer | null): records is Buffer {
  return records !== null && records.length >= BATCH_HEADER_BYTES && records[AT.magic] === 2
}

/** The producer id in two halves, so that no BigInt is made for each batch. Negative high half = no id. */
export function producerIdHigh(batch: Buffer): number {
  return batch.readInt32BE(AT.producerId)
}

export function producerIdLow(batch: Buffer): number {
  return batch.readInt32BE(AT.producerId + 4)
}

export function producerEpoch(batch: Buffer): number {
  return batch.readInt16BE(AT.producerEpoch)
}

export function baseSequence(batch: Buffer): number {
  return batch.readInt32BE(AT.baseSequence)
}

export function recordsCount(batch: Buffer): number {
  return batch.readInt32BE(AT.recordsCount)
}
