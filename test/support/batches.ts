import { gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { Writer } from '#protocol/writer.ts'

/**
 * RecordBatches (format v2) built by hand, right or deliberately wrong.
 *
 *     baseOffset int64 · length int32 · partitionLeaderEpoch int32 · magic int8 · crc uint32
 *     · attributes int16 · lastOffsetDelta int32 · baseTimestamp int64 · maxTimestamp int64
 *     · producerId int64 · producerEpoch int16 · baseSequence int32 · count int32 · records
 *
 * The CRC-32C covers everything behind itself, from the attributes (byte 21) on.
 */
export interface BatchSpec {
  records: BatchRecord[]
  codec?: Codec
  producerId?: bigint
  epoch?: number
  baseSequence?: number
  /** Milliseconds since 1970, of the first record. Default: a fixed day. */
  baseTimestamp?: bigint
  /** What stands in the header instead of the right thing; the CRC is right for it all the same. */
  override?: Partial<BatchHeader>
  /** Instead of the encoded (and compressed) records. */
  payload?: Buffer
  /** Behind the batch: in neither its length nor its CRC. */
  trailing?: Buffer
}

export interface BatchRecord {
  key?: Buffer | string | null
  value?: Buffer | string | null
  headers?: [name: string, value: Buffer | null][]
  /** Milliseconds after `baseTimestamp`. Default 0. */
  timestampDelta?: number
  /** Default: the record's place in the batch. */
  offsetDelta?: number
}

export interface BatchHeader {
  baseOffset: bigint
  length: number
  partitionLeaderEpoch: number
  magic: number
  crc: number
  attributes: number
  lastOffsetDelta: number
  baseTimestamp: bigint
  maxTimestamp: bigint
  producerId: bigint
  epoch: number
  baseSequence: number
  count: number
}

export type Codec = keyof typeof CODECS

const CODECS = {
  none: { bits: 0, compress: (data: Buffer) => data },
  gzip: { bits: 1, compress: (data: Buffer) => gzipSync(data) },
  snappy: { bits: 2, compress: xerialSnappy },
  lz4: { bits: 3, compress: lz4Frame },
  zstd: { bits: 4, compress: (data: Buffer) => zstdCompressSync(data) },
}

/** Attribute bits beside the codec's three. */
export const ATTRIBUTES = { logAppendTime: 0x08, transactional: 0x10, control: 0x20 } as const

const HEADER_BYTES = 61
const A_DAY = 1_790_000_000_000n

export function batch(spec: BatchSpec): Buffer {
  const codec = CODECS[spec.codec ?? 'none']
  const payload = spec.payload ?? codec.compress(encodeRecords(spec.records))
  const header = { ...rightHeader(spec, codec.bits, payload.length), ...spec.override }
  const head = encodeHeader(header)
  const whole = Buffer.concat([head, payload])
  whole.writeUInt32BE(spec.override?.crc ?? crc32c(whole.subarray(21)), 17)
  return spec.trailing ? Buffer.concat([whole, spec.trailing]) : whole
}

/** A batch of `count` records with the values `PREFIX0`, `PREFIX1` ... */
export function plainBatch(prefix: string, count = 1, spec: Partial<BatchSpec> = {}): Buffer {
  const records = Array.from({ length: count }, (_, i) => ({ value: `${prefix}${i}` }))
  return batch({ records, ...spec })
}

function rightHeader(spec: BatchSpec, codecBits: number, payloadBytes: number): BatchHeader {
  const { records } = spec
  const baseTimestamp = spec.baseTimestamp ?? A_DAY
  const latest = Math.max(0, ...records.map((record) => record.timestampDelta ?? 0))
  return {
    baseOffset: 0n,
    length: HEADER_BYTES - 12 + payloadBytes,
    partitionLeaderEpoch: -1,
    magic: 2,
    crc: 0,
    attributes: codecBits,
    lastOffsetDelta: records.length - 1,
    baseTimestamp,
    maxTimestamp: baseTimestamp + BigInt(latest),
    producerId: spec.producerId ?? -1n,
    epoch: spec.epoch ?? (spec.producerId === undefined ? -1 : 0),
    baseSequence: spec.baseSequence ?? (spec.producerId === undefined ? -1 : 0),
    count: records.length,
  }
}

function encodeHeader(header: BatchHeader): Buffer {
  const writer = new Writer(HEADER_BYTES)
  writer.int64(header.baseOffset)
  writer.int32(header.length)
  writer.int32(header.partitionLeaderEpoch)
  writer.int8(header.magic)
  writer.int32(0)
  writer.int16(header.attributes)
  writer.int32(header.lastOffsetDelta)
  writer.int64(header.baseTimestamp)
  writer.int64(header.maxTimestamp)
  writer.int64(header.producerId)
  writer.int16(header.epoch)
  writer.int32(header.baseSequence)
  writer.int32(header.count)
  return writer.bytes()
}

/**
 * Each record: length · attributes int8 · timestampDelta · offsetDelta · key · value · headers, where all
 * numbers are zigzag varints and a length of −1 is null.
 */
export function encodeRecords(records: BatchRecord[]): Buffer {
  const all = new Writer()
  records.forEach((record, i) => {
    const body = new Writer()
    body.int8(0)
    varint(body, record.timestampDelta ?? 0)
    varint(body, record.offsetDelta ?? i)
    field(body, record.key ?? null)
    field(body, record.value ?? null)
    const headers = record.headers ?? []
    varint(body, headers.length)
    for (const [name, value] of headers) {
      field(body, name)
      field(body, value)
    }
    varint(all, body.position)
    all.raw(body.bytes())
  })
  return all.bytes()
}

function varint(writer: Writer, value: number): void {
  writer.unsignedVarint(value >= 0 ? value * 2 : -value * 2 - 1)
}

function field(writer: Writer, value: Buffer | string | null): void {
  if (value === null) return varint(writer, -1)
  const bytes = Buffer.from(value)
  varint(writer, bytes.length)
  writer.raw(bytes)
}

/** Snappy as Java writes it: a stream header, then blocks; each is one literal, so nothing is compressed. */
function xerialSnappy(data: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])]
  for (let at = 0; at < data.length; at += 0x8000) {
    const block = snappyBlock(data.subarray(at, at + 0x8000))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** uncompressed length (varint), then a literal with its length − 1 in two bytes (tag 61). */
function snappyBlock(data: Buffer): Buffer {
  const writer = new Writer()
  writer.unsignedVarint(data.length)
  const at = writer.reserve(3)
  writer.buffer.writeUInt8(61 << 2, at)
  writer.buffer.writeUInt16LE(data.length - 1, at + 1)
  writer.raw(data)
  return writer.bytes()
}

/** An LZ4 frame (version 1, independent blocks of at most 64 KiB) whose blocks are marked as uncompressed. */
function lz4Frame(data: Buffer): Buffer {
  const descriptor = Buffer.from([0x60, 0x40])
  const check = (xxh32OfFew(descriptor) >>> 8) & 0xff
  const parts: Buffer[] = [Buffer.from([0x04, 0x22, 0x4d, 0x18]), descriptor, Buffer.from([check])]
  for (let at = 0; at < data.length; at += 0x10000) {
    const block = data.subarray(at, at + 0x10000)
    const size = Buffer.alloc(4)
    size.writeUInt32LE((block.length | 0x80000000) >>> 0)
    parts.push(size, block)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

/** xxHash32 with seed 0 of fewer than four bytes. */
function xxh32OfFew(bytes: Buffer): number {
  let hash = (0x165667b1 + bytes.length) >>> 0
  for (const byte of bytes) {
    hash = (hash + Math.imul(byte, 0x165667b1)) >>> 0
    hash = Math.imul((hash << 11) | (hash >>> 21), 0x9e3779b1) >>> 0
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77) >>> 0
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae3d) >>> 0
  return (hash ^ (hash >>> 16)) >>> 0
}
