/**
 * As much of Kafka's protocol as a load generator needs, on its own: ApiVersions 0, Metadata 4, Produce 9
 * (the last version that names topics and that all of 3.9 to 4.4, and every proxy here, speak).
 */

const PRODUCE = 0
const METADATA = 3
const API_VERSIONS = 18
const ACKS_ALL = -1
const PRODUCE_TIMEOUT_MS = 30_000
const BATCH_HEADER = 61

export interface Partition {
  topic: string
  index: number
  /** Broker id. */
  leader: number
}

export interface Metadata {
  /** `host:port` by id. */
  brokers: Map<number, string>
  partitions: Partition[]
}

/** A Produce request of one batch, in pieces; `patch` makes a copy somebody's own. */
export interface Produce {
  head: Buffer
  batch: Buffer
  tail: Buffer
}

const CORRELATION_AT = 8
const CLIENT_AT = 14

export function apiVersionsRequest(client: string): Buffer {
  return frame(API_VERSIONS, 0, client, [])
}

export function metadataRequest(client: string, topics: readonly string[]): Buffer {
  return frame(METADATA, 4, client, [int32(topics.length), ...topics.map(string), Buffer.of(0)])
}

/** @param body of the answer, from its correlation id on. @throws for a topic or partition in error */
export function readMetadata(body: Buffer): Metadata {
  const reader = new Reader(body)
  reader.skip(8)
  const brokers = new Map<number, string>()
  for (let n = reader.int32(); n > 0; n--) {
    const id = reader.int32()
    const host = reader.string()
    brokers.set(id, `${host}:${reader.int32()}`)
    reader.string()
  }
  reader.string()
  reader.skip(4)
  const partitions: Partition[] = []
  for (let n = reader.int32(); n > 0; n--) {
    const error = reader.int16()
    const topic = reader.string()
    if (error) throw new Error(`topic ${topic} has error ${error}`)
    reader.skip(1)
    for (let count = reader.int32(); count > 0; count--) partitions.push(readPartition(reader, topic))
  }
  return { brokers, partitions }
}

function readPartition(reader: Reader, topic: string): Partition {
  const error = reader.int16()
  const index = reader.int32()
  const leader = reader.int32()
  for (let list = 0; list < 2; list++) reader.skip(4 * reader.int32())
  if (leader < 0) throw new Error(`partition ${topic}-${index} has no leader (error ${error})`)
  return { topic, index, leader }
}

/** @param client the name that `head` carries; others of the same length may be put in its place */
export function produceRequest(client: string, { topic, index }: Partition, batch: Buffer): Produce {
  const parts = [
    Buffer.of(0, 0),
    int16(ACKS_ALL),
    int32(PRODUCE_TIMEOUT_MS),
    Buffer.concat([Buffer.of(2), varint(topic.length + 1), Buffer.from(topic)]),
    Buffer.concat([Buffer.of(2), int32(index), varint(batch.length + 1)]),
  ]
  const head = frame(PRODUCE, 9, client, parts)
  const tail = Buffer.alloc(3)
  head.writeInt32BE(head.length - 4 + batch.length + tail.length)
  return { head, batch, tail }
}

/** Puts a correlation id and a client's name into a copy of a request's head. */
export function patch(head: Buffer, correlation: number, client: Buffer): void {
  head.writeInt32BE(correlation, CORRELATION_AT)
  client.copy(head, CLIENT_AT)
}

export interface ProduceAnswer {
  correlation: number
  errorCode: number
}

/** The error code of the one partition in an answer, which begins at `at`. */
export function readProduceAnswer(chunk: Buffer, at: number): ProduceAnswer {
  const correlation = chunk.readInt32BE(at)
  // After the id: no tags, one topic; then its name.
  if (chunk[at + 4] !== 0 || chunk[at + 5] !== 2) throw new Error('a Produce answer for other than one topic')
  const name = chunk[at + 6]!
  if (name > 127) throw new Error('a topic name of more than 126 bytes')
  return { correlation, errorCode: chunk.readInt16BE(at + 6 + name + 1 + 4) }
}

/** One uncompressed batch, format 2, of `records` records whose values have `bytes` random bytes each. */
export function recordBatch(records: number, bytes: number, random: () => number): Buffer {
  const value = Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256)))
  const encoded = Array.from({ length: records }, (_, i) => {
    const fields = [Buffer.of(0, 0), zigzag(i), zigzag(-1), zigzag(bytes), value, Buffer.of(0)]
    const record = Buffer.concat(fields)
    return Buffer.concat([zigzag(record.length), record])
  })
  const batch = Buffer.concat([Buffer.alloc(BATCH_HEADER), ...encoded])
  const now = BigInt(Date.now())
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeInt32BE(records - 1, 23)
  batch.writeBigInt64BE(now, 27)
  batch.writeBigInt64BE(now, 35)
  // No producer id, epoch or sequence.
  batch.fill(0xff, 43, 57)
  batch.writeInt32BE(records, 57)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0)
  return rest
})

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** With request header 1, or 2 where the API has it (Produce 9). */
function frame(api: number, version: number, client: string, body: Buffer[]): Buffer {
  const header = [int16(api), int16(version), int32(0), string(client)]
  const whole = Buffer.concat([int32(0), ...header, ...body])
  whole.writeInt32BE(whole.length - 4)
  return whole
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(text: string): Buffer {
  return Buffer.concat([int16(text.length), Buffer.from(text)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  return Buffer.of(...bytes, value)
}

function zigzag(value: number): Buffer {
  return varint(((value << 1) ^ (value >> 31)) >>> 0)
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.#at += count
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  string(): string {
    const length = this.int16()
    if (length < 0) return ''
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }
}
