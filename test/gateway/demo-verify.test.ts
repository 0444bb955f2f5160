import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Crowd } from '#gateway/demo-crowd.ts'
import { verify } from '#gateway/demo-verify.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { syntheticBatch } from '#sandbox/synthetic-batch.ts'
import type { SyntheticAck } from '#sandbox/synthetic-producer.ts'

const ID = 77n
const stored = (offset: number, sequence: number) => ({
  offset,
  lastOffset: offset,
  bytes: syntheticBatch(ID, sequence, Buffer.from('v')),
})
const sandboxWith = (...log: ReturnType<typeof stored>[]): Sandbox =>
  ({ name: 'eu', topics: [{ topic: 't', partitions: 1 }], log: () => log }) as unknown as Sandbox
const crowdWith = (acks: Partial<SyntheticAck>[], unacked = 0): Crowd =>
  ({
    acks: new Map([
      [
        'eu',
        acks.map((ack) => ({ topic: 't', partition: 0, producerId: ID, sequence: 0, offset: 0, ...ack })),
      ],
    ]),
    unacked,
  }) as unknown as Crowd

test('an acknowledged batch that is stored once where the ack said passes', () => {
  const verdict = verify(crowdWith([{}]), [sandboxWith(stored(0, 0))])
  assert.deepEqual([verdict.ok, verdict.text.split(':')[0]], [true, 'verified'])
})

const wrong: Record<string, [Crowd, Sandbox, RegExp]> = {
  'a lost batch': [crowdWith([{}]), sandboxWith(), /was acknowledged and is not there/],
  'a duplicate': [crowdWith([{}]), sandboxWith(stored(0, 0), stored(1, 0)), /is stored 2 times/],
  'another offset': [crowdWith([{ offset: 5 }]), sandboxWith(stored(0, 0)), /is at offset 0, the ack said 5/],
  'a batch without an ack': [
    crowdWith([{}], 3),
    sandboxWith(stored(0, 0)),
    /3 batches were never acknowledged/,
  ],
  'nothing at all': [crowdWith([]), sandboxWith(), /0 acknowledged/],
}
for (const [what, [crowd, sandbox, reason]] of Object.entries(wrong)) {
  test(`${what} fails`, () => {
    const verdict = verify(crowd, [sandbox])
    assert.equal(verdict.ok, false)
    assert.match(verdict.text, reason)
  })
}
