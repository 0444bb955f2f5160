import { crc32c } from '#protocol/crc.ts'
import { BATCH_HEADER_BYTES, CRC_START } from '#protocol/record-batch.ts'

/** What stands in the payload, so that a log alone tells who sent a batch, where to, and as which of his. */
export interface Identity {
  client: number
  topic: number
  partition: number
  /** Counts the batches of a client for that partition, from 0, in the order of sending. */
  number: number
}

export interface BatchHeader {
  /** Null for a producer without idempotence. */
  producerId: { high: number; low: number } | null
  epoch: number
  sequence: number
  records: number
}

const IDENTITY_BYTES = 16

/** A record batch with a true header and checksum; behind the identity it is filled up to `size` bytes. */
export function encodeBatch(identity: Identity, header: BatchHeader, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size, BATCH_HEADER_BYTES + IDENTITY_BYTES))
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt8(2, 16)
  bytes.writeInt32BE(header.records - 1, 23)
  bytes.writeInt32BE(header.producerId?.high ?? -1, 43)
  bytes.writeInt32BE(header.producerId?.low ?? -1, 47)
  bytes.writeInt16BE(header.producerId ? header.epoch : -1, 51)
  bytes.writeInt32BE(header.producerId ? header.sequence : -1, 53)
  bytes.writeInt32BE(header.records, 57)
  bytes.writeUInt32BE(identity.client, 61)
  bytes.writeUInt32BE(identity.topic, 65)
  bytes.writeUInt32BE(identity.partition, 69)
  bytes.writeUInt32BE(identity.number, 73)
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_START)), 17)
  return bytes
}

export function identityOf(bytes: Buffer): Identity {
  return {
    client: bytes.readUInt32BE(61),
    topic: bytes.readUInt32BE(65),
    partition: bytes.readUInt32BE(69),
    number: bytes.readUInt32BE(73),
  }
}
