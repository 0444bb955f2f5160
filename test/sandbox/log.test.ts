import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf, outcomeOf, produceOne, sandboxFor } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { type RawClient, readBatches } from '#test/support/raw-client.ts'

const KiB = 1024

function fetch(client: RawClient, fetchOffset: bigint, maxWaitMs: number, minBytes = 1) {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  return client.request('fetch', 11, { maxWaitMs, minBytes, topics: [{ topic: 't', partitions }] })
}

test('batches are stored and given back as they came, but for offset and leader epoch', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const sent = [
    plainBatch('a', 3),
    plainBatch('b', 1, { codec: 'zstd' }),
    plainBatch('c', 2, { producerId: 1n }),
  ]
  for (const records of sent) await produceOne(client, { records })
  const stored = sandbox.log('t', 0)
  assert.deepEqual(
    stored.map(({ offset, lastOffset }) => [offset, lastOffset]),
    [
      [0, 2],
      [3, 3],
      [4, 5],
    ],
  )
  const read = await readBatches(sandbox.brokers[0]!.port, 't', 0)
  assert.deepEqual(
    read.map((batch) => batch.readBigInt64BE(0)),
    [0n, 3n, 4n],
  )
  sent.forEach((batch, i) => {
    assert.ok(stored[i]!.bytes.equals(read[i]!))
    assert.ok(read[i]!.subarray(21).equals(batch.subarray(21)))
  })
})

test('the oldest batches of all partitions go when the limit is reached', async (t) => {
  const sandbox = await sandboxFor(t, { retainBytes: 100 * KiB })
  const client = await clientOf(t, sandbox)
  const records = plainBatch('x'.repeat(10 * KiB))
  for (let i = 0; i < 20; i++) await produceOne(client, { records, partition: i % 2 })
  const { bytes, dropped } = sandbox.retained
  assert.ok(bytes <= 100 * KiB && bytes > 80 * KiB, `${bytes} bytes`)
  const kept = sandbox.log('t', 0).length + sandbox.log('t', 1).length
  assert.deepEqual([kept + dropped.batches, dropped.bytes], [20, dropped.batches * records.length])
  assert.ok(Math.abs(sandbox.log('t', 0).length - sandbox.log('t', 1).length) <= 1)
  const [oldest] = sandbox.log('t', 0)
  const { responses } = await fetch(client, 0n, 100)
  assert.equal(responses[0]!.partitions[0]!.errorCode, 1)
  const { topics } = await client.request('listOffsets', 1, {
    replicaId: -1,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -2n }] }],
  })
  assert.equal(topics[0]!.partitions[0]!.offset, BigInt(oldest!.offset))
  assert.deepEqual(await outcomeOf(client, { records }), [0, 10])
})

test('a deleted topic takes its bytes along', async (t) => {
  const sandbox = await sandboxFor(t, { retainBytes: 100 * KiB })
  const client = await clientOf(t, sandbox)
  const records = plainBatch('x'.repeat(10 * KiB))
  for (let i = 0; i < 5; i++) await produceOne(client, { records })
  sandbox.deleteTopic('t')
  assert.equal(sandbox.retained.bytes, 0)
  sandbox.createTopic({ topic: 't', partitions: 1 })
  for (let i = 0; i < 20; i++) await produceOne(client, { records })
  assert.ok(sandbox.retained.bytes <= 100 * KiB)
  assert.ok(sandbox.log('t', 0).length >= 8)
})

test('a Fetch at the end waits for what comes', async (t) => {
  const sandbox = await sandboxFor(t)
  const [reader, writer] = [await clientOf(t, sandbox), await clientOf(t, sandbox)]
  const answer = fetch(reader, 0n, 30_000)
  await produceOne(writer)
  const { records } = (await answer).responses[0]!.partitions[0]!
  assert.equal(records!.length, plainBatch('v').length)
})

test('a Fetch waits for as many bytes as it asks for, or for its time', async (t) => {
  const sandbox = await sandboxFor(t)
  const [reader, writer] = [await clientOf(t, sandbox), await clientOf(t, sandbox)]
  const size = plainBatch('v').length
  const answer = fetch(reader, 0n, 30_000, size + 1)
  await produceOne(writer)
  await produceOne(writer)
  assert.equal((await answer).responses[0]!.partitions[0]!.records!.length, 2 * size)
  const began = performance.now()
  const late = await fetch(reader, 2n, 100)
  assert.ok(performance.now() - began >= 99)
  assert.deepEqual([late.responses[0]!.partitions[0]!.records!.length], [0])
})

test('a waiting Fetch learns at once that the leader has moved', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2 })
  const reader = await clientOf(t, sandbox)
  await fetch(reader, 0n, 0)
  const answer = fetch(reader, 0n, 30_000)
  setTimeout(() => sandbox.moveLeader('t', 0, 2), 50)
  assert.equal((await answer).responses[0]!.partitions[0]!.errorCode, 6)
})
