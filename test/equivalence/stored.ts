import { crc32c } from '#protocol/crc.ts'
import { CRC_START } from '#protocol/record-batch.ts'
import { AT } from '#sandbox/batch-header.ts'

/** Record batches as a broker gives them, in a form that two clusters can be compared in. */

/** What a broker's clock says differs between two clusters, by less than a test takes. */
const NOW_MS = 15 * 60_000
const LOG_APPEND_TIME = 0x08
/** Longer batches are compared by their CRC. */
const SHOWN_BYTES = 2000

/** A time, or 'now'. The rows' own times are long ago, or an hour ahead. */
export function time(value: bigint): bigint | 'now' {
  return Math.abs(Number(value) - Date.now()) < NOW_MS ? 'now' : value
}

/** All batches; a last one that is cut off is shown as it is, but for the leader epoch. */
export function describeRecords(records: Buffer): unknown[] {
  const shown: unknown[] = []
  let at = 0
  while (at + CRC_START <= records.length) {
    const end = at + 12 + records.readInt32BE(at + AT.batchLength)
    if (end > records.length) break
    shown.push(describeBatch(records.subarray(at, end)))
    at = end
  }
  if (at < records.length) shown.push({ cutOff: withoutEpoch(records.subarray(at)).toString('hex') })
  return shown
}

function withoutEpoch(batch: Buffer): Buffer {
  return Buffer.from(batch).fill(0, AT.leaderEpoch, AT.leaderEpoch + 4)
}

/** All of it but the leader epoch, and what follows from the broker's clock. */
function describeBatch(batch: Buffer): unknown {
  const maxTimestamp = time(batch.readBigInt64BE(AT.maxTimestamp))
  const attributes = batch.readInt16BE(AT.attributes)
  const byBroker = maxTimestamp === 'now' && (attributes & LOG_APPEND_TIME) !== 0
  const crc = batch.readUInt32BE(AT.crc)
  const rest = Buffer.from(batch.subarray(CRC_START))
  if (byBroker) rest.fill(0, AT.maxTimestamp - CRC_START, AT.maxTimestamp - CRC_START + 8)
  return {
    offset: batch.readBigInt64BE(AT.baseOffset),
    bytes: batch.length,
    magic: batch.readInt8(AT.magic),
    crcIsRight: crc === crc32c(batch.subarray(CRC_START)),
    crc: byBroker ? 'by the clock' : crc,
    attributes,
    maxTimestamp,
    from21: batch.length > SHOWN_BYTES ? 'long' : rest.toString('hex'),
  }
}
