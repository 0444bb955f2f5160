import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readProxyHeader } from '#gateway/proxy-protocol.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { readProduceRequest } from '#protocol/produce-wire.ts'
import { findBatchFault } from '#protocol/record-batch.ts'
import { anySeed, fuzzCase, fuzzFor, targets } from '#test/fuzz/fuzz.ts'
import type { Target } from '#test/fuzz/target.ts'
import { batchTarget } from '#test/fuzz/target-batch.ts'
import { framingMemoryTarget, framingTarget } from '#test/fuzz/target-framing.ts'
import { produceRequestTarget } from '#test/fuzz/target-produce.ts'
import { proxyTarget } from '#test/fuzz/target-proxy.ts'

/** SEED=N repeats one case; without it, 20 s of cases that nobody chose. */
const SECONDS = 20

test('no bytes from outside crash a reader or make it take memory for nothing', (t) => {
  const seed = process.env.SEED
  if (seed !== undefined) return t.diagnostic(`seed ${seed}: ${fuzzCase(Number(seed))}`)
  const first = anySeed()
  const cases = fuzzFor(SECONDS * 1000, first)
  t.diagnostic(`from seed ${first}: ${JSON.stringify(Object.fromEntries(cases))}`)
  // The rarest target may have no turn on a slow machine.
  assert.ok(cases.size >= targets.length - 1, `only ${[...cases.keys()]} had a turn`)
})

/** Faults of the kinds that the fuzzing is there for; it must see each within this many cases. */
const CASES = 3000

class Hoarder extends FrameSplitter {
  readonly all: Buffer[] = []

  override push(chunk: Buffer): void {
    this.all.push(chunk)
    super.push(chunk)
  }
}

class Recycler extends FrameSplitter {
  readonly #scratch = Buffer.alloc(100_000)

  override next(): Buffer | null {
    const frame = super.next()
    return frame && this.#scratch.subarray(0, frame.copy(this.#scratch))
  }
}

const planted: Record<string, Target> = {
  'a splitter that keeps what it has handed out': framingMemoryTarget(() => new Hoarder(100_000)),
  'frames that share their memory': framingTarget(() => new Recycler(100_000)),
  'memory for a length that was only declared': produceRequestTarget((reader, version) => {
    const body = readProduceRequest(reader, version)
    Buffer.alloc(Math.min(0x1000_0000, Math.max(0, body.timeoutMs)))
    return body
  }),
  'a read behind the end': produceRequestTarget((reader, version) => {
    const body = readProduceRequest(reader, version)
    reader.buffer.readInt8(reader.position - 1 + reader.remaining + (version === 5 ? 1 : 0))
    return body
  }),
  'a decoder that takes what the grammar refuses': produceRequestTarget((reader, version) => {
    try {
      return readProduceRequest(reader, version)
    } catch {
      return { transactionalId: null, acks: 1, timeoutMs: 0, topics: [] }
    }
  }),
  'a batch check without the CRC': batchTarget((records, version) => {
    const fault = findBatchFault(records, version)
    return fault?.code === 2 ? null : fault
  }),
  'a header that is decided by where a chunk ends': proxyTarget((bytes) => {
    const header = readProxyHeader(bytes)
    return header && { ...header, length: Math.min(header.length, bytes.length - 1) }
  }),
}

for (const [what, target] of Object.entries(planted)) {
  test(`the fuzzing sees ${what}`, () => {
    const first = anySeed()
    const many = () => {
      for (let seed = first; seed < first + CASES; seed++) fuzzCase(seed, [target])
    }
    assert.throws(many, /again: SEED=\d+ node/)
  })
}
