import { gzipSync } from 'node:zlib'
import { crc32c } from '#protocol/crc.ts'
import { finishFrame } from '#protocol/header.ts'
import { Writer } from '#protocol/writer.ts'
import { ATTRIBUTES, type BatchHeader, type BatchSpec, batch, plainBatch } from '#test/support/batches.ts'

/** Input that no client should send: batches, and whole connections' worth of bytes. */

// ── batches ───────────────────────────────────────────────────────────────────────────────────────────

export interface BadBatch {
  name: string
  records: Buffer | null
  /** What its sender is told; several where it depends on the bytes. 0: it is harmless, and stored. */
  codes: number[]
  /** The broker decides and names the records at fault (record_errors). */
  recordErrors?: true
  /** Goes where a record without a key may not be. */
  compacted?: true
}

const BAD_STRUCTURE = [87]
const BAD_CRC = [2]
const TRANSACTIONAL = [53]
const UNREADABLE = [-1]
const NOISE = Buffer.from('this is neither gzip nor snappy nor lz4 nor zstd, and no records either')
const HOUR = 3_600_000

/** Two records whose values begin with the row's name, and a header as told; the CRC is right all the same. */
function odd(name: string, override: Partial<BatchHeader>, spec: Partial<BatchSpec> = {}): Buffer {
  return plainBatch(`${name} `, 2, { ...spec, override })
}

/** A batch of so many bytes in all whose length and CRC are right. */
function stub(bytes: number): Buffer {
  const whole = Buffer.from(plainBatch('stub').subarray(0, bytes))
  whole.writeInt32BE(bytes - 12, 8)
  if (bytes > 21) whole.writeUInt32BE(crc32c(whole.subarray(21)), 17)
  return whole
}

function lengthOff(name: string, by: number): Buffer {
  const bytes = plainBatch(`${name} `, 2)
  bytes.writeInt32BE(bytes.length - 12 + by, 8)
  return bytes
}

const garbage = (attributes: number, payload = NOISE): Buffer =>
  batch({ records: [{}, {}], payload, override: { attributes } })

const behind = (trailing: Buffer): Buffer => plainBatch('t', 1, { trailing })

/** Refused here, so that nothing of it ever rides with the batches of others (broker-facts.md §2.1, §2.2). */
function refusedAtIngress(): BadBatch[] {
  const { transactional, control } = ATTRIBUTES
  const producerId = (1n << 62n) | 9n
  const rows: [string, Buffer | null, number[]][] = [
    ['records null', null, BAD_STRUCTURE],
    ...[0, 1, 11, 16].map((n): [string, Buffer, number[]] => [`${n} bytes`, Buffer.alloc(n), BAD_STRUCTURE]),
    ...[26, 40, 50, 51, 60].map((n): [string, Buffer, number[]] => {
      return [`a consistent batch of ${n} bytes`, stub(n), BAD_STRUCTURE]
    }),
    ...[13, 5, 0, -1, 0x7fffffff].map((length): [string, Buffer, number[]] => {
      return [`length ${length}`, odd('length', { length }), BAD_STRUCTURE]
    }),
    ['length too large by 10', lengthOff('length', 10), BAD_STRUCTURE],
    ['length too small by 3', lengthOff('length', -3), BAD_STRUCTURE],
    ...[0, 1, 3, 127, -1].map((magic): [string, Buffer, number[]] => {
      return [`magic ${magic}`, odd('magic', { magic }), BAD_STRUCTURE]
    }),
    ['transactional', odd('txn', { attributes: transactional }), TRANSACTIONAL],
    ['transactional with an id', odd('txn', { attributes: transactional }, { producerId }), TRANSACTIONAL],
    ['control bit', odd('control', { attributes: control }), BAD_STRUCTURE],
    ['two batches in one field', behind(plainBatch('second')), BAD_STRUCTURE],
    ['a batch and half another', behind(plainBatch('second').subarray(0, 40)), BAD_STRUCTURE],
    ['17 zero bytes behind it', behind(Buffer.alloc(17)), BAD_STRUCTURE],
    ['100 bytes 0xff behind it', behind(Buffer.alloc(100, 0xff)), BAD_STRUCTURE],
    ['base offset 5', odd('base', { baseOffset: 5n }), BAD_STRUCTURE],
    ['base offset -1', odd('base', { baseOffset: -1n }), BAD_STRUCTURE],
    ['count 0', odd('count', { count: 0 }), BAD_STRUCTURE],
    ['count -1', odd('count', { count: -1 }), BAD_STRUCTURE],
    ['count -1 of an idempotent producer', odd('count', { count: -1 }, { producerId }), BAD_STRUCTURE],
    ['count is not last offset delta + 1', odd('delta', { lastOffsetDelta: 2 }), BAD_STRUCTURE],
    ['an id and sequence -1', odd('seq', {}, { producerId, baseSequence: -1 }), BAD_STRUCTURE],
    ['wrong CRC', odd('crc', { crc: 1 }), BAD_CRC],
    ['wrong CRC of an idempotent producer', odd('crc', { crc: 1 }, { producerId }), BAD_CRC],
  ]
  return rows.map(([name, records, codes]) => ({ name, records, codes }))
}

/** Bad for its own partition at most: the broker's answer is passed down. */
function leftToTheBroker(): BadBatch[] {
  const codecs = ['gzip', 'snappy', 'lz4', 'zstd', 'codec 5', 'codec 6', 'codec 7']
  const ahead = BigInt(Date.now() + 2 * HOUR)
  const sized = (bytes: number) => plainBatch('', 1, { payload: bigRecord(bytes - 61) })
  return [
    ...codecs.map((name, i) => ({
      name: `${name} garbage`,
      records: garbage(i + 1),
      codes: UNREADABLE,
    })),
    { name: 'garbage that is not compressed', records: garbage(0), codes: [87, -1] },
    {
      name: 'count is not that of the records',
      records: odd('n', { count: 3, lastOffsetDelta: 2 }),
      codes: [87],
    },
    { name: 'a header only', records: plainBatch('', 2, { payload: Buffer.alloc(0) }), codes: [87] },
    { name: 'gzip of nothing', records: garbage(1, gzipSync(Buffer.alloc(0))), codes: [87] },
    { name: 'gzip without a byte', records: garbage(1, Buffer.alloc(0)), codes: [-1] },
    {
      name: 'a time two hours ahead',
      records: odd('ahead', {}, { baseTimestamp: ahead }),
      codes: [32],
      recordErrors: true,
    },
    { name: 'no key', records: plainBatch('keyless'), codes: [87], recordErrors: true, compacted: true },
    { name: 'max.message.bytes + 1', records: sized(1_048_589), codes: [10] },
    { name: 'max.message.bytes', records: sized(1_048_588), codes: [0] },
  ]
}

/** One record that fills so many bytes. */
function bigRecord(bytes: number): Buffer {
  for (let value = bytes - 16; ; value++) {
    const payload = batch({ records: [{ value: Buffer.alloc(value, 'v') }] }).subarray(61)
    if (payload.length === bytes) return payload
    if (payload.length > bytes) throw new Error(`no record fills ${bytes} bytes`)
  }
}

/** Odd, but stored by a broker, so by us. */
function harmless(): BadBatch[] {
  const rows: Record<string, Buffer> = {
    'attribute bits that mean nothing': odd('bits', { attributes: 0x7fc0 }),
    'the bit of LogAppendTime': odd('log append', { attributes: ATTRIBUTES.logAppendTime }),
    'a leader epoch': odd('epoch', { partitionLeaderEpoch: 77 }),
    'timestamp -1': odd('t-1', { baseTimestamp: -1n, maxTimestamp: -1n }),
    'timestamp -5': odd('t-5', { baseTimestamp: -5n, maxTimestamp: -5n }),
    'epoch and sequence without an id': odd('loose', { epoch: 3, baseSequence: 9 }),
    'producer id -5': odd('id -5', { producerId: -5n }),
    'an id with epoch -1': odd('id', { producerId: (1n << 62n) | 11n, epoch: -1, baseSequence: 0 }),
    'wrong offset deltas': batch({
      records: [
        { offsetDelta: 1, value: 'x' },
        { offsetDelta: 0, value: 'y' },
      ],
    }),
  }
  return Object.entries(rows).map(([name, records]) => ({ name, records, codes: [0] }))
}

export function badBatches(): BadBatch[] {
  return [...refusedAtIngress(), ...leftToTheBroker(), ...harmless()]
}

// ── connections ───────────────────────────────────────────────────────────────────────────────────────

/** Bytes that end a connection. */
export interface BadStart {
  name: string
  bytes: Buffer
  /** The cause in counters and log. */
  reason: string
  /** What the log says about it. */
  detail: RegExp
}

/** A request by hand: `body` is hex, what stands behind the header. */
export function request(key: number, version: number, body: string): Buffer {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(key)
  writer.int16(version)
  writer.int32(7)
  writer.nullableString('hostile', false)
  writer.raw(Buffer.from(body, 'hex'))
  return finishFrame(writer)
}

/** Produce 7 with acks=all up to its topics, and what stands there. */
const produce7 = (topics: string): Buffer => request(0, 7, `ffff ffff 00002710${topics}`.replaceAll(' ', ''))

export function declaring(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(length)
  return bytes
}

export function badStarts(maxFrameBytes: number, firstFrameBytes: number): BadStart[] {
  const lengths = [0, -1, 0x7fffffff, -0x80000000, maxFrameBytes + 1]
  const http = Buffer.from('GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const tls = Buffer.from('16030100c8010000c40303'.padEnd(400, '5a'), 'hex')
  return [
    ...lengths.map((length) => ({
      name: `a frame of length ${length}`,
      bytes: declaring(length),
      reason: 'bad_frame',
      detail: new RegExp(`frame length ${length} is not between 1 and ${maxFrameBytes}`),
    })),
    { name: 'HTTP', bytes: http, reason: 'bad_frame', detail: /as HTTP begins/ },
    { name: 'TLS', bytes: tls, reason: 'bad_frame', detail: /beginning of a TLS connection/ },
    {
      name: 'a first request over limits.firstFrameBytes',
      bytes: Buffer.concat([declaring(firstFrameBytes + 1), Buffer.of(0, 3, 0, 0)]),
      reason: 'bad_first_frame',
      detail: new RegExp(`${firstFrameBytes + 1} bytes, the limit is ${firstFrameBytes}`),
    },
    ...notServed().map(([name, bytes, reason, detail]) => ({ name, bytes, reason, detail })),
    ...brokenRequests().map(([name, bytes, detail]) => ({ name, bytes, reason: 'bad_request', detail })),
  ]
}

function notServed(): [name: string, bytes: Buffer, reason: string, detail: RegExp][] {
  return [
    ['an API that nobody has', request(9999, 0, ''), 'unsupported_api', /API key 9999/],
    ['an API that is not listed', request(8, 3, ''), 'unsupported_api', /API key 8 version 3/],
    ['CreateTopics', request(19, 4, ''), 'unsupported_api', /API key 19/],
    ['Produce 13', request(0, 13, ''), 'unsupported_version', /Produce 13, served are 3 to 12/],
    ['Produce 2', request(0, 2, ''), 'unsupported_version', /Produce 2, served are/],
    ['Metadata -1', request(3, -1, ''), 'unsupported_version', /Metadata -1, served are/],
  ]
}

const MOST = '7fffffff'
const ALL_ELEMENTS = /array of 2147483647 elements/
/** 1,000,000 as a varint. */
const MILLION = 'c0843d'
const NO_TAGS = '00'
const ONE_T = '00000001 000174'
/** A name of 32,767 bytes that are no UTF-8: as replacement characters it would not fit where it came from. */
const NO_UTF8 = `7fff74${'ff'.repeat(0x7ffe)}`

function brokenRequests(): [name: string, bytes: Buffer, detail: RegExp][] {
  const flexible = (body: string): Buffer => request(18, 3, body)
  return [
    ['a frame that ends in its header', Buffer.from('00000003001200', 'hex'), /int16 needs 2 bytes/],
    ['2^31-1 topics in Metadata', request(3, 1, MOST), ALL_ELEMENTS],
    ['2^31-1 topics in Metadata 12', request(3, 12, `${NO_TAGS}8080808008`), ALL_ELEMENTS],
    ['2^31-1 topics in Produce', produce7(MOST), ALL_ELEMENTS],
    ['2^31-1 topics in Fetch', request(1, 4, '00'.repeat(17) + MOST), ALL_ELEMENTS],
    ['2^31-1 topics in ListOffsets', request(2, 1, `ffffffff${MOST}`), ALL_ELEMENTS],
    ['2^31-1 partitions in Produce', produce7(ONE_T + MOST), ALL_ELEMENTS],
    ['-2 topics', produce7('fffffffe'), /array length -2 is negative/],
    ['null for topics in Produce', produce7('ffffffff'), /topics: null/],
    ['topic name null', produce7('00000001 ffff'), /topic name: null/],
    ['topic name null in Produce 9', request(0, 9, `${NO_TAGS}00ffff000003e80200`), /topic name: null/],
    ['a topic name longer than the frame', produce7('00000001 7fff'), /string needs 32767/],
    ['a topic name that is no UTF-8', produce7(`00000001${NO_UTF8}00000000`), /not UTF-8/],
    ['the same in Metadata', request(3, 1, `00000001${NO_UTF8}`), /not UTF-8/],
    [
      'records longer than the frame',
      produce7(`${ONE_T}00000001 00000000 ${MOST}`),
      /bytes needs 2147483647/,
    ],
    ['records of length -2', produce7(`${ONE_T}00000001 00000000 fffffffe`), /bytes length -2/],
    ['a million tagged fields in the header', flexible(MILLION), /1000000 tagged fields/],
    ['a million tagged fields in the body', flexible(`${NO_TAGS}02610231${MILLION}`), /1000000 tagged/],
    ['a tagged field longer than the frame', flexible('0100ffffffff0f'), /tagged field needs 4294967295/],
    ['a varint without an end', flexible('ff'.repeat(12)), /varint is longer/],
    ['100,001 topics', request(3, 1, `000186a1${'0000'.repeat(100_001)}`), /limit is 100000/],
  ]
}

/** A Produce of version 8 with so many partitions, none with records: cheap to ask, long to answer. */
export function nullRecords(topic: string, partitions: number): Buffer {
  const writer = new Writer(32 + partitions * 8)
  writer.nullableString(null, false)
  writer.int16(-1)
  writer.int32(10_000)
  writer.int32(1)
  writer.nullableString(topic, false)
  writer.int32(partitions)
  for (let index = 0; index < partitions; index++) {
    writer.int32(index)
    writer.int32(-1)
  }
  return request(0, 8, writer.bytes().toString('hex'))
}
