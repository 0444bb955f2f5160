import { crc32c } from '#protocol/crc.ts'
import { Errors } from '#protocol/errors.ts'
import type { ProduceResult } from '#protocol/produce-wire.ts'
import { BATCH_HEADER_BYTES, CRC_START } from '#protocol/record-batch.ts'
import * as header from '#sandbox/batch-header.ts'
import { AT } from '#sandbox/batch-header.ts'
import type { Partition } from '#sandbox/partition.ts'
import { lastSequence, type Sequenced } from '#sandbox/producer-states.ts'
import { newestTimestamp } from '#sandbox/record-checks.ts'
import { Refusal } from '#sandbox/refusal.ts'

/** What a partition's leader does with one batch, in the order in which brokers do it. */

/** Codecs are three bits; 5 to 7 belong to nobody. */
const LAST_CODEC = 4
/** The errors that brokers expect at this place say nothing of the log. */
const WITHOUT_LOG_START = new Set<number>([Errors.CORRUPT_MESSAGE, Errors.MESSAGE_TOO_LARGE])

export interface Appended {
  result: ProduceResult
  /** What the high watermark must reach before acks=all is answered. */
  endOffset: number
}

/**
 * Checks, and appends what passes: base offset, size, CRC, codec · counts and flags · records · producer.
 * A duplicate is answered with the offset of its original.
 *
 * @param records one batch, maybe with a few bytes behind it, which are cut off
 * @throws Refusal
 */
export function appendBatch(partition: Partition, records: Buffer): Appended {
  const batch = records.subarray(0, header.endOf(records))
  try {
    checkBytes(partition, batch)
    checkCounts(batch)
    return appendInSequence(partition, batch, newestTimestamp(partition.topic, batch, Date.now()))
  } catch (error) {
    if (error instanceof Refusal && !WITHOUT_LOG_START.has(error.code)) {
      error.logStartOffset = partition.log.startOffset
    }
    throw error
  }
}

function checkBytes({ topic }: Partition, batch: Buffer): void {
  if (batch.readInt32BE(AT.baseOffset) !== 0 || batch.readInt32BE(AT.baseOffset + 4) !== 0) {
    throw new Refusal(Errors.INVALID_RECORD, 'the base offset is not 0')
  }
  if (batch.length > topic.settings.maxMessageBytes) {
    throw new Refusal(Errors.MESSAGE_TOO_LARGE, `${batch.length} bytes`)
  }
  if (batch.length < BATCH_HEADER_BYTES) throw new Refusal(Errors.CORRUPT_MESSAGE, 'no whole header')
  if (crc32c(batch.subarray(CRC_START)) !== batch.readUInt32BE(AT.crc)) {
    throw new Refusal(Errors.CORRUPT_MESSAGE, 'the CRC does not match')
  }
  if (header.codecOf(batch) > LAST_CODEC) {
    throw new Refusal(Errors.UNKNOWN_SERVER_ERROR, 'no such codec')
  }
}

function checkCounts(batch: Buffer): void {
  const count = batch.readInt32BE(AT.count)
  if (count <= 0) throw new Refusal(Errors.INVALID_RECORD, `${count} records`)
  if (header.lastOffsetDelta(batch) !== count - 1) {
    throw new Refusal(Errors.INVALID_RECORD, 'the last offset delta is not the record count less one')
  }
  if (header.attributesOf(batch) & header.CONTROL) {
    throw new Refusal(Errors.INVALID_RECORD, 'a control batch')
  }
  if (header.hasProducerId(batch) && batch.readInt32BE(AT.baseSequence) < 0) {
    throw new Refusal(Errors.INVALID_RECORD, 'a producer id with a negative sequence')
  }
}

function appendInSequence(partition: Partition, batch: Buffer, newest: number): Appended {
  const producer = header.hasProducerId(batch) ? sequenceOf(batch) : null
  if (producer) {
    const verdict = partition.producers.check(producer)
    if (verdict.kind === 'refuse') throw new Refusal(verdict.code, `sequence ${producer.first}`)
    if (verdict.kind === 'duplicate') return duplicate(partition, batch, verdict)
  }
  const { log, topic } = partition
  const stored = topic.cluster.retention.copy(batch)
  header.writeLong(stored, AT.baseOffset, log.endOffset)
  stored.writeInt32BE(partition.leaderEpoch, AT.leaderEpoch)
  header.stamp(stored, topic.settings.logAppendTime, newest)
  const baseOffset = partition.append(stored)
  if (producer) partition.producers.add(producer, baseOffset, newest)
  const logAppendTimeMs = topic.settings.logAppendTime ? newest : -1
  return { result: accepted(baseOffset, logAppendTimeMs, log.startOffset), endOffset: log.endOffset }
}

function sequenceOf(batch: Buffer): Sequenced {
  const first = batch.readInt32BE(AT.baseSequence)
  return {
    producerId: batch.readBigInt64BE(AT.producerId),
    epoch: batch.readInt16BE(AT.producerEpoch),
    first,
    last: lastSequence(first, header.lastOffsetDelta(batch)),
  }
}

function duplicate(
  { log }: Partition,
  batch: Buffer,
  { baseOffset, timestamp }: { baseOffset: number; timestamp: number },
): Appended {
  const endOffset = baseOffset + batch.readInt32BE(AT.count)
  return { result: accepted(baseOffset, timestamp, log.startOffset), endOffset }
}

function accepted(baseOffset: number, logAppendTimeMs: number, logStartOffset: number): ProduceResult {
  const errorCode = Errors.NONE
  return { errorCode, baseOffset, logAppendTimeMs, logStartOffset, recordErrors: null, errorMessage: null }
}
