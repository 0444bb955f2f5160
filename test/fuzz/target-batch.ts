import assert from 'node:assert/strict'
import { crc32cInJavaScript } from '#protocol/crc.ts'
import {
  baseSequence,
  findBatchFault,
  hasHeader,
  producerEpoch,
  producerIdHigh,
  producerIdLow,
  recordsCount,
} from '#protocol/record-batch.ts'
import { attempt } from '#test/fuzz/bounds.ts'
import { anyBytes, mutate } from '#test/fuzz/mutate.ts'
import type { Target } from '#test/fuzz/target.ts'
import type { Random } from '#test/simulation/random.ts'
import { type BatchHeader, batch, type Codec } from '#test/support/batches.ts'

/** The checks before a batch may join others, held against a second reading of the rules. */
export function batchTarget(find = findBatchFault): Target {
  return {
    name: 'batch header',
    weight: 4,
    run(random, note) {
      const bytes = anyBatch(random)
      const version = random.whole(3, 12)
      note(`produce version ${version}`, bytes)
      const read = attempt(bytes.length, () => ({
        fault: find(bytes, version),
        header: hasHeader(bytes)
          ? [producerIdHigh, producerIdLow, producerEpoch, baseSequence, recordsCount].map((field) =>
              field(bytes),
            )
          : null,
      }))
      assert.ok(read, 'a batch is never a protocol error: its sender gets a code')
      const { fault, header } = read.value
      assert.equal(fault === null, isFit(bytes, version), fault?.reason ?? 'nothing wrong was found')
      if (fault === null) assert.ok(header?.every(Number.isInteger))
    },
  }
}

const CODECS: readonly Codec[] = ['none', 'none', 'none', 'gzip', 'snappy', 'lz4', 'zstd']

function anyBatch(random: Random): Buffer {
  if (random.chance(0.05)) return anyBytes(random, random.pick([0, 1, 12, 16, 17, 60, 61, 62, 200]))
  const valid = validBatch(random)
  if (random.chance(0.15)) return valid
  const changed = mutate(valid, validBatch(random), random)
  // With the right CRC and length again, so that the other checks are reached.
  if (changed.length >= 61 && random.chance(0.7)) {
    const whole = Buffer.from(changed)
    if (random.chance(0.8)) whole.writeInt32BE(whole.length - 12, 8)
    whole.writeUInt32BE(crc32cInJavaScript(whole.subarray(21)), 17)
    return whole
  }
  return changed
}

function validBatch(random: Random): Buffer {
  const records = Array.from({ length: random.whole(1, 3) }, (_, i) => ({ value: `value ${i}` }))
  const producerId = random.chance(0.5) ? undefined : random.pick([0n, 1n, 2n ** 62n + 5n, 2n ** 63n - 1n])
  return batch({ records, codec: random.pick(CODECS), producerId, override: anyOverride(random) })
}

function anyOverride(random: Random): Partial<BatchHeader> {
  if (random.chance(0.6)) return {}
  return random.pick<Partial<BatchHeader>>([
    { baseOffset: random.pick([1n, -1n, 2n ** 32n]) },
    { magic: random.pick([0, 1, 3, -1]) },
    { attributes: random.pick([0x08, 0x10, 0x20, 0x40, 7, -1]) },
    { lastOffsetDelta: random.pick([-1, 0, 1, 2 ** 31 - 1]) },
    { count: random.pick([-1, 0, 1, 2 ** 31 - 1]) },
    { producerId: random.pick([-1n, -2n, 0n]), baseSequence: random.pick([-1, 0, 7]) },
    { length: random.pick([0, -1, 49, 2 ** 31 - 1]) },
    { partitionLeaderEpoch: random.pick([0, 5]) },
    { crc: random.pick([0, 1, 2 ** 32 - 1]) },
  ])
}

/** broker-facts.md §2.2 once more, field by field, without a common word with the code under test. */
function isFit(bytes: Buffer, version: number): boolean {
  if (bytes.length < 61) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const attributes = view.getUint16(21)
  const count = view.getInt32(57)
  return [
    view.getBigInt64(0) === 0n,
    BigInt(view.getInt32(8)) + 12n === BigInt(bytes.length),
    view.getUint8(16) === 2,
    view.getUint32(17) === crc32cInJavaScript(bytes.subarray(21)),
    (attributes & 0b11_0000) === 0,
    count >= 1,
    view.getInt32(23) + 1 === count,
    view.getBigInt64(43) < 0n || view.getInt32(53) >= 0,
    version >= 7 || (attributes & 0b111) !== 4,
  ].every((holds) => holds)
}
