import { crc32c } from '#protocol/crc.ts'
import { Errors } from '#protocol/errors.ts'
import type { ProduceResult, RecordError } from '#protocol/produce-wire.ts'
import { BATCH_HEADER_BYTES, CRC_START } from '#protocol/record-batch.ts'
import { AT, attributesOf, CODEC_MASK, CONTROL, endOf, LOG_APPEND_TIME } from '#sandbox/batch-header.ts'
import type { Partition } from '#sandbox/partition.ts'
import { lastSequence, type Sequenced } from '#sandbox/producer-states.ts'
import { InvalidRecords, UnexpectedBytes, walkRecords } from '#sandbox/records.ts'
import { Refusal } from '#sandbox/refusal.ts'

/**
 * What a partition's leader does with one batch, in the broker's order: analyse (base offset, size, CRC,
 * codec), validate (counts, flags, records), producer state, append. Compressed records are not opened: their
 * count and keys are not checked, and their newest time is what the header says.
 */

/** Records from further ahead than an hour are refused (message.timestamp.after.max.ms, since 3.10's 4.0). */
const MAX_AHEAD_MS = 3_600_000
const NO_TIMESTAMP = -1
const LAST_CODEC = 4
/** Codecs are three bits; 5 to 7 belong to nobody. */

export interface Appended {
  result: ProduceResult
  /** What the high watermark must reach before acks=all is answered. */
  endOffset: number
}

/**
 * @param records one whole batch, maybe with a few bytes behind it, which are cut off
 * @throws Refusal
 */
export function appendBatch(partition: Partition, records: Buffer): Appended {
  analyse(partition, records)
  const batch = partition.log.own(records.subarray(0, endOf(records)))
  const now = Date.now()
  validateHeader(batch)
  const newest = (attributesOf(batch) & CODEC_MASK) === 0 ? checkRecords(partition, batch, now) : checkTime(partition, batch, now)
  return partition
}
