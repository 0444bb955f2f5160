import { apis, responseHeaderVersion } from '#protocol/apis.ts'
import { ProtocolError, Reader } from '#protocol/reader.ts'
import { Writer } from '#protocol/writer.ts'

/**
 * Produce by hand: the same grammar as `messages/00-produce.ts`, for the path every batch takes. Batches are
 * views on the frame they came in; large ones leave as elements of a gathered write, uncopied.
 */

export interface ProducePartition {
  index: number
  /** A view on the frame; null where the client sent null. */
  records: Buffer | null
}

export interface ProduceTopic {
  name: string
  partitions: ProducePartition[]
}

export interface ProduceBody {
  transactionalId: string | null
  acks: number
  timeoutMs: number
  topics: ProduceTopic[]
}

/** @param reader stands behind the request header */
export function readProduceRequest(reader: Reader, version: number): ProduceBody {
  const flexible = version >= apis.produce.flexibleFrom
  const transactionalId = reader.nullableString(flexible)
  const acks = reader.int16()
  const timeoutMs = reader.int32()
  const count = required(reader.arrayLength(flexible), 'topics')
  // Mostly there is one of each: an array that grows takes room for 16 more.
  const topics = count === 1 ? [readTopic(reader, flexible)] : []
  while (topics.length < count) topics.push(readTopic(reader, flexible))
  if (flexible) reader.skipTags()
  return { transactionalId, acks, timeoutMs, topics }
}

function readTopic(reader: Reader, flexible: boolean): ProduceTopic {
  const name = requiredName(reader.nullableString(flexible))
  const count = required(reader.arrayLength(flexible), 'partitions')
  const partitions = count === 1 ? [readRecords(reader, flexible)] : []
  while (partitions.length < count) partitions.push(readRecords(reader, flexible))
  if (flexible) reader.skipTags()
  return { name, partitions }
}

function readRecords(reader: Reader, flexible: boolean): ProducePartition {
  const partition = { index: reader.int32(), records: reader.nullableBytes(flexible) }
  if (flexible) reader.skipTags()
  return partition
}

function requiredName(name: string | null): string {
  if (name === null) throw new ProtocolError('topic name: null is not allowed')
  return name
}

function required(length: number, what: string): number {
  if (length < 0) throw new ProtocolError(`${what}: null is not allowed`)
  return length
}

/** What became of one batch, in the terms of the Produce response. */
export interface ProduceResult {
  errorCode: number
  /** Offset of the first record, -1 when the batch was not appended. */
  baseOffset: number
  /** The broker's clock in ms on LogAppendTime topics, else -1. */
  logAppendTimeMs: number
  logStartOffset: number
  /** Which records are at fault (version 8). */
  recordErrors: RecordError[] | null
  errorMessage: string | null
}

export interface RecordError {
  batchIndex: number
  message: string | null
}

export interface AnsweredPartition extends ProduceResult {
  index: number
}

/** Answers are written here and leave as copies of their own size: a writer for each would take twice that. */
const scratch = new Writer(1024)

/** A whole response frame, length prefix included. */
export function encodeProduceResponse(
  version: number,
  correlationId: number,
  topics: readonly { name: string; partitions: readonly AnsweredPartition[] }[],
  throttleTimeMs: number,
): Buffer {
  const flexible = version >= apis.produce.flexibleFrom
  const writer = scratch
  writer.position = 0
  writer.int32(0)
  writer.int32(correlationId)
  if (responseHeaderVersion(apis.produce, version) === 1) writer.emptyTags()
  writer.arrayLength(topics.length, flexible)
  for (const { name, partitions } of topics) {
    writer.nullableString(name, flexible)
    writer.arrayLength(partitions.length, flexible)
    for (const partition of partitions) writePartition(writer, partition, version, flexible)
    if (flexible) writer.emptyTags()
  }
  writer.int32(throttleTimeMs)
  if (flexible) writer.emptyTags()
  writer.buffer.writeInt32BE(writer.position - 4, 0)
  return writer.takeCopy()
}

function writePartition(writer: Writer, result: AnsweredPartition, version: number, flexible: boolean): void {
  writer.int32(result.index)
  writer.int16(result.errorCode)
  writeLong(writer, result.baseOffset)
  writeLong(writer, result.logAppendTimeMs)
  if (version >= 5) writeLong(writer, result.logStartOffset)
  if (version >= 8) {
    const errors = result.recordErrors
    writer.arrayLength(errors === null ? 0 : errors.length, flexible)
    for (const error of errors ?? []) {
      writer.int32(error.batchIndex)
      writer.nullableString(error.message, flexible)
      if (flexible) writer.emptyTags()
    }
    writer.nullableString(result.errorMessage, flexible)
  }
  if (flexible) writer.emptyTags()
}

/** Offsets and times stay below 2^53 for ages: a number is exact and makes no garbage. */
function writeLong(writer: Writer, value: number): void {
  const at = writer.reserve(8)
  writer.buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
  writer.buffer.writeUInt32BE(value >>> 0, at + 4)
}

function readLong(reader: Reader): number {
  const at = reader.take(8, 'int64')
  return reader.buffer.readInt32BE(at) * 0x1_0000_0000 + reader.buffer.readUInt32BE(at + 4)
}

/** Batches up to this size are copied between the framing: cheaper than an element each in a gathered write. */
const COPY_BYTES = 4096

/** What `encodeProduceRequest` needs of a batch. */
export interface Addressed {
  readonly topic: string
  readonly index: number
  readonly bytes: Buffer
}

/**
 * One Produce request as a list of buffers to write one after the other: framing pieces of our own, and the
 * batches themselves, untouched.
 *
 * @param groups the batches by topic, each partition at most once: a broker keeps the last of two (kafka.md §0.1)
 */
export function encodeProduceRequest(
  version: number,
  header: { correlationId: number; clientId: string },
  acks: number,
  timeoutMs: number,
  groups: ReadonlyMap<string, readonly Addressed[]>,
): Buffer[] {
  const flexible = version >= apis.produce.flexibleFrom
  const writer = new Writer(512 + framedBytes(groups))
  const pieces: Buffer[] = []
  let cut = 0
  let viewed = 0
  writer.int32(0)
  writer.int16(apis.produce.key)
  writer.int16(version)
  writer.int32(header.correlationId)
  writer.nullableString(header.clientId, false)
  if (flexible) writer.emptyTags()
  writer.nullableString(null, flexible)
  writer.int16(acks)
  writer.int32(timeoutMs)
  writer.arrayLength(groups.size, flexible)
  const cuts: { at: number; bytes: Buffer }[] = []
  for (const [topic, batches] of groups) {
    writer.nullableString(topic, flexible)
    writer.arrayLength(batches.length, flexible)
    for (const { index, bytes } of batches) {
      writer.int32(index)
      if (flexible) writer.unsignedVarint(bytes.length + 1)
      else writer.int32(bytes.length)
      if (bytes.length <= COPY_BYTES) writer.raw(bytes)
      else {
        cuts.push({ at: writer.position, bytes })
        viewed += bytes.length
      }
      if (flexible) writer.emptyTags()
    }
    if (flexible) writer.emptyTags()
  }
  if (flexible) writer.emptyTags()
  const framing = writer.bytes()
  framing.writeInt32BE(framing.length - 4 + viewed, 0)
  for (const { at, bytes } of cuts) {
    pieces.push(framing.subarray(cut, at), bytes)
    cut = at
  }
  pieces.push(framing.subarray(cut))
  return pieces
}

/** About what the request takes beside its large batches, so that the writer need not grow. */
function framedBytes(groups: ReadonlyMap<string, readonly Addressed[]>): number {
  let sum = 0
  for (const [topic, batches] of groups) {
    sum += topic.length + 16
    for (const { bytes } of batches) sum += 16 + (bytes.length <= COPY_BYTES ? bytes.length : 0)
  }
  return sum
}

/**
 * Reads a Produce response. Brokers answer partitions in an order of their own (broker-facts §0), so each
 * result is handed over with its topic and partition.
 *
 * @param frame without its length prefix
 * @returns throttle_time_ms
 */
export function readProduceResponse(
  frame: Buffer,
  version: number,
  each: (topic: string, index: number, result: ProduceResult) => void,
): number {
  const flexible = version >= apis.produce.flexibleFrom
  const reader = new Reader(frame, 4)
  if (responseHeaderVersion(apis.produce, version) === 1) reader.skipTags()
  for (let topics = required(reader.arrayLength(flexible), 'responses'); topics > 0; topics--) {
    const name = requiredName(reader.nullableString(flexible))
    const partitions = required(reader.arrayLength(flexible), 'partition responses')
    for (let left = partitions; left > 0; left--) {
      each(name, reader.int32(), readPartition(reader, version, flexible))
    }
    if (flexible) reader.skipTags()
  }
  const throttleTimeMs = reader.int32()
  if (flexible) reader.skipTags()
  return throttleTimeMs
}

function readPartition(reader: Reader, version: number, flexible: boolean): ProduceResult {
  const result: ProduceResult = {
    errorCode: reader.int16(),
    baseOffset: readLong(reader),
    logAppendTimeMs: readLong(reader),
    logStartOffset: version >= 5 ? readLong(reader) : -1,
    recordErrors: null,
    errorMessage: null,
  }
  if (version >= 8) {
    const count = required(reader.arrayLength(flexible), 'record errors')
    if (count > 0) result.recordErrors = readRecordErrors(reader, count, flexible)
    result.errorMessage = reader.nullableString(flexible)
  }
  if (flexible) reader.skipTags()
  return result
}

function readRecordErrors(reader: Reader, count: number, flexible: boolean): RecordError[] {
  const errors: RecordError[] = []
  for (let i = 0; i < count; i++) {
    errors.push({ batchIndex: reader.int32(), message: reader.nullableString(flexible) })
    if (flexible) reader.skipTags()
  }
  return errors
}
