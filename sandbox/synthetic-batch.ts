import { crc32c } from '#protocol/crc.ts'
import { BATCH_HEADER_BYTES, CRC_START } from '#protocol/record-batch.ts'

/**
 * A batch of one record without key and headers, as an idempotent producer sends it.
 *
 * Record: length · attributes int8 · timestampDelta · offsetDelta · key −1 · value length · value · headers 0,
 * where all lengths and deltas are zigzag varints.
 */
export function syntheticBatch(producerId: bigint, sequence: number, value: Buffer): Buffer {
  const valueLength = varint(value.length)
  const body = 5 + valueLength.length + value.length
  const length = varint(body)
  const batch = Buffer.alloc(BATCH_HEADER_BYTES + length.length + body)
  const now = BigInt(Date.now())
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(2, 16)
  batch.writeBigInt64BE(now, 27)
  batch.writeBigInt64BE(now, 35)
  batch.writeBigInt64BE(producerId, 43)
  batch.writeInt32BE(sequence, 53)
  batch.writeInt32BE(1, 57)
  let at = BATCH_HEADER_BYTES + length.copy(batch, BATCH_HEADER_BYTES)
  at += 3
  batch[at++] = 1
  at += valueLength.copy(batch, at)
  value.copy(batch, at)
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_START)), 17)
  return batch
}

/** Zigzag LEB128 of a number that is not negative. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}
