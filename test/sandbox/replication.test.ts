import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf, outcomeOf, produceBody, produceOne, sandboxFor, until } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { endOffset } from '#test/support/raw-client.ts'

/** acks=all and followers, as broker-facts.md §2.4 saw them. */

const NEVER = Number.POSITIVE_INFINITY

test('a slow partition: 7 with the offset at TimeoutMs, stored, and seen later', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 3 })
  const { port } = sandbox.brokers[0]!
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, NEVER)
  const began = performance.now()
  assert.deepEqual(await outcomeOf(client, { timeoutMs: 150 }), [7, 0])
  assert.ok(performance.now() - began >= 149)
  assert.deepEqual(await outcomeOf(client, { acks: 1 }), [0, 1])
  assert.deepEqual([sandbox.endOffset('t', 0), await endOffset(port, 't', 0)], [2, 0n])
  sandbox.slowPartition('t', 0, 0)
  assert.equal(await endOffset(port, 't', 0), 2n)
})

test('TimeoutMs 0 and below: 7 at once, stored', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, NEVER)
  assert.deepEqual(await outcomeOf(client, { timeoutMs: 0 }), [7, 0])
  assert.deepEqual(await outcomeOf(client, { timeoutMs: -1 }), [7, 1])
})

test('followers that are slow, but in time', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, 100)
  const began = performance.now()
  assert.deepEqual(await outcomeOf(client), [0, 0])
  assert.ok(performance.now() - began >= 99)
})

test('a request waits for all its partitions: the slow one 7, the others 0, all at TimeoutMs', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 1, NEVER)
  const body = produceBody({ timeoutMs: 150 })
  body.topicData[0]!.partitionData.push({ index: 1, records: plainBatch('w') })
  const began = performance.now()
  const answer = await client.request('produce', 9, body)
  assert.ok(performance.now() - began >= 149)
  const found = answer.responses[0]!.partitionResponses.map((one) => [
    one.index,
    one.errorCode,
    one.baseOffset,
  ])
  assert.deepEqual(found, [
    [0, 0, 0n],
    [1, 7, 0n],
  ])
})

test('one request at a time per connection: timeouts add up, other connections go on', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, NEVER)
  const answers = [1, 2, 3].map(() => produceOne(client, { timeoutMs: 100 }))
  const began = performance.now()
  assert.deepEqual(await outcomeOf(await clientOf(t, sandbox), { partition: 1 }), [0, 0])
  const late = await Promise.all(answers)
  assert.ok(performance.now() - began >= 295)
  assert.deepEqual(
    late.map(({ errorCode, baseOffset }) => [errorCode, baseOffset]),
    [
      [7, 0],
      [7, 1],
      [7, 2],
    ],
  )
})

test('a duplicate of a batch that is not replicated waits as the original does', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const records = plainBatch('v', 2, { producerId: 3n })
  sandbox.slowPartition('t', 0, NEVER)
  assert.deepEqual(await outcomeOf(client, { records, timeoutMs: 20 }), [7, 0])
  assert.deepEqual(await outcomeOf(client, { records, timeoutMs: 20 }), [7, 0])
  const third = outcomeOf(client, { records })
  sandbox.slowPartition('t', 0, 0)
  assert.deepEqual(await third, [0, 0])
  assert.equal(sandbox.endOffset('t', 0), 2)
})

test('a leader that moves away while a request waits: 6 with the offset', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2 })
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, NEVER)
  const answer = produceOne(client, { version: 10 })
  await until(() => sandbox.endOffset('t', 0) === 1)
  sandbox.moveLeader('t', 0, 2)
  const { errorCode, baseOffset, currentLeader } = await answer
  assert.deepEqual([errorCode, baseOffset, currentLeader.leaderId], [6, 0, 2])
})

test('a topic that is deleted while a request waits: 3', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, NEVER)
  const answer = produceOne(client)
  await until(() => sandbox.endOffset('t', 0) === 1)
  sandbox.deleteTopic('t')
  assert.equal((await answer).errorCode, 3)
  assert.deepEqual(await outcomeOf(client), [3, -1])
})

test('too few replicas in sync: 19 for acks=all, nothing stored; acks=1 goes on', async (t) => {
  const config = { 'min.insync.replicas': '3' }
  const sandbox = await sandboxFor(t, { brokers: 3, topics: [{ topic: 't', partitions: 1, config }] })
  const client = await clientOf(t, sandbox)
  assert.deepEqual(await outcomeOf(client), [0, 0])
  await sandbox.brokers[2]!.kill()
  assert.deepEqual(await outcomeOf(client), [0, 1])
  sandbox.fence(3)
  assert.deepEqual(await outcomeOf(client), [19, -1])
  assert.deepEqual(await outcomeOf(client, { acks: 1 }), [0, 2])
  await sandbox.brokers[2]!.restart()
  assert.deepEqual(await outcomeOf(client), [0, 3])
})
