import { crc32 } from 'node:zlib'

/**
 * What a producer program is told, and what it answers: one JSON line on stdin, then one JSON line per
 * record on stdout. The programs in java/, python/ and kafkajs-produce.ts all follow it.
 */
export interface ProducerSpec {
  /** Goes into generated values: must differ between the producers of one test. Without `|`. */
  name: string
  bootstrap: string
  /** In the words of Kafka's own producer; kafkajs-produce.ts translates those it knows, and refuses others. */
  properties?: Record<string, string>
  /** Sent in this order. Either these or `generate`. */
  records?: RecordSpec[]
  generate?: GenerateSpec
}

export interface RecordSpec {
  topic: string
  /** Left out or null: the client chooses. */
  partition?: number | null
  /** Base64, or null. */
  key?: string | null
  /** Base64, or null for a tombstone. */
  value: string | null
  /** Names may repeat. Values in base64, or null. */
  headers?: [name: string, value: string | null][]
  /** Milliseconds since 1970. Left out or null: the client's clock. */
  timestamp?: number | null
}

/**
 * Record `i` goes to topic `i mod topics`, with a value that names the producer, the topic and `i` and ends
 * in a checksum, see `generatedValue`.
 */
export interface GenerateSpec {
  topics: string[]
  /** Left out: until stdin closes. */
  count?: number
  /** Partition `(i div topics) mod partitions`. Left out: the client chooses. */
  partitions?: number
  /** At least what the names need. Default 100. */
  valueBytes?: number
  /** Left out: as fast as the client takes them. */
  perSecond?: number
}

/** How one send ended. */
export interface Outcome {
  /** The record's place in the order of sending, from 0. */
  id: number
  topic: string
  /** Null if the send failed before there was one. */
  partition: number | null
  /** −1 if unknown: an error, acks=0, or a duplicate whose offset the broker no longer knew. */
  offset: number
  timestamp: number
  /** Null = acknowledged. */
  error: string | null
  /** The broker's error code; null if there was no error, or the client gave up by itself. */
  code: number | null
  /** From the call of send to its end, in milliseconds. */
  ms: number
}

/** The last line of a producer that came to its end. */
export interface Done {
  done: true
  sent: number
  ms: number
}

export interface SentRecord {
  id: number
  topic: string
  partition: number | null
  key: Buffer | null
  value: Buffer | null
  headers: [name: string, value: Buffer | null][]
  timestamp: number | null
}

/**
 * `NAME|TOPIC|SEQ|`, repeated up to `bytes`, its last 8 bytes the CRC-32 of those before in hex. So a value
 * tells where it belongs, and bytes of another record in it are seen.
 */
export function generatedValue(name: string, topic: string, seq: number, bytes = 100): Buffer {
  const head = Buffer.from(`${name}|${topic}|${seq}|`)
  const body = Buffer.alloc(Math.max(head.length, bytes - 8), head)
  return Buffer.concat([body, Buffer.from(crc32(body).toString(16).padStart(8, '0'))])
}

/** @returns null if the value is not a generated one, or was damaged */
export function readGeneratedValue(value: Buffer): { name: string; topic: string; seq: number } | null {
  if (value.length < 8) return null
  const body = value.subarray(0, -8)
  const sum = value.subarray(-8).toString('latin1')
  if (crc32(body).toString(16).padStart(8, '0') !== sum) return null
  const [name, topic, seq] = body.toString().split('|', 3)
  return seq === undefined ? null : { name: name!, topic: topic!, seq: Number(seq) }
}

/** What a producer with this spec sends, in order. @param count as its `Done` line says, if it is open-ended */
export function sentRecords(spec: ProducerSpec, count = spec.generate?.count): SentRecord[] {
  if (spec.records) return spec.records.map(explicitRecord)
  if (!spec.generate || count === undefined) throw new Error('no records, and no count of generated ones')
  const { topics, partitions, valueBytes } = spec.generate
  return Array.from({ length: count }, (_, id) => {
    const topic = topics[id % topics.length]!
    const partition = partitions ? Math.floor(id / topics.length) % partitions : null
    const value = generatedValue(spec.name, topic, id, valueBytes)
    return { id, topic, partition, key: null, value, headers: [], timestamp: null }
  })
}

function explicitRecord(record: RecordSpec, id: number): SentRecord {
  return {
    id,
    topic: record.topic,
    partition: record.partition ?? null,
    key: fromBase64(record.key ?? null),
    value: fromBase64(record.value),
    headers: (record.headers ?? []).map(([name, value]) => [name, fromBase64(value)]),
    timestamp: record.timestamp ?? null,
  }
}

function fromBase64(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

/** Text as a spec carries it. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
