import { Errors } from '#protocol/errors.ts'
import type { ProduceBody } from '#protocol/produce-wire.ts'
import { AT, attributesOf, codecOf, LENGTH_END, MAGIC_END, TRANSACTIONAL } from '#sandbox/batch-header.ts'
import { Refusal } from '#sandbox/refusal.ts'

/**
 * What brokers look for in the record fields of a Produce request before any partition sees its batch. Some of
 * it fails the whole request (broker-facts.md §2.2).
 */

const MAGIC = 2
/** The smallest record there ever was (magic 0). */
const SMALLEST_RECORD = 14
const ZSTD = 4
const ZSTD_SINCE = 7
/** Producer id and epoch are read of every batch, without a look at its length. */
const PRODUCER_END = AT.producerId + 8

/**
 * Where the batch that begins at `at` ends, or −1 when there are too few bytes for one.
 * @throws Refusal when what should be its header cannot be one
 */
function nextBatch(records: Buffer, at: number): number {
  const remaining = records.length - at
  if (remaining < LENGTH_END) return -1
  const length = records.readInt32BE(at + AT.batchLength)
  if (length < SMALLEST_RECORD) throw new Refusal(Errors.CORRUPT_MESSAGE, `a length of ${length}`)
  if (remaining < MAGIC_END) return -1
  const magic = records.readInt8(at + AT.magic)
  if (magic < 0 || magic > MAGIC) throw new Refusal(Errors.CORRUPT_MESSAGE, `magic ${magic}`)
  // Brokers add in 32 bits, and stumble over the negative result.
  if (length > 0x7fffffff - LENGTH_END) throw new Refusal(Errors.UNKNOWN_SERVER_ERROR)
  const end = at + LENGTH_END + length
  return end > records.length ? -1 : end
}

/**
 * Whether any partition carries a transactional batch; only first batches are looked at.
 * @throws Refusal for the whole request
 */
export function hasTransactionalBatch({ topics }: ProduceBody): boolean {
  for (const { partitions } of topics) {
    for (const { records } of partitions) {
      if (records === null || nextBatch(records, 0) < 0) continue
      if (attributesOf(records) & TRANSACTIONAL) return true
    }
  }
  return false
}

/**
 * Exactly one batch, of magic 2, and zstd only where the version knows it.
 * @throws Refusal for this partition; UNKNOWN_SERVER_ERROR is for the whole request
 */
export function checkShape(records: Buffer, version: number): void {
  const end = nextBatch(records, 0)
  if (end < 0) throw new Refusal(Errors.INVALID_RECORD, 'no batch')
  if (records.readInt8(AT.magic) !== MAGIC) throw new Refusal(Errors.INVALID_RECORD, 'magic')
  if (version < ZSTD_SINCE) checkCodec(codecOf(records))
  if (nextBatch(records, end) >= 0) throw new Refusal(Errors.INVALID_RECORD, 'more than one batch')
}

function checkCodec(codec: number): void {
  // Brokers look up its name here, and do not expect that there is none.
  if (codec > ZSTD) throw new Refusal(Errors.UNKNOWN_SERVER_ERROR)
  if (codec === ZSTD) throw new Refusal(Errors.UNSUPPORTED_COMPRESSION_TYPE, 'zstd needs Produce 7')
}

/**
 * At most one transactional producer, told by id and epoch.
 * @throws Refusal for the whole request
 */
export function checkProducers(all: Iterable<Buffer>): void {
  const transactional = new Set<string>()
  for (const records of all) {
    if (records.length < PRODUCER_END) throw new Refusal(Errors.UNKNOWN_SERVER_ERROR)
    if ((attributesOf(records) & TRANSACTIONAL) === 0) continue
    const id = records.readBigInt64BE(AT.producerId)
    if (id >= 0n) transactional.add(`${id} ${records.readInt16BE(AT.producerEpoch)}`)
  }
  if (transactional.size > 1) throw new Refusal(Errors.INVALID_PRODUCER_ID_MAPPING, 'two producers')
}
