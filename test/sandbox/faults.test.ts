import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf, outcomeOf, produceBody, produceOne, sandboxFor, until } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'

test('an error before the append: nothing stored, as often as asked', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const fault = sandbox.errorBeforeAppend(19, { partition: 0 }, 2)
  assert.deepEqual(await outcomeOf(client), [19, -1])
  assert.deepEqual(await outcomeOf(client, { partition: 1 }), [0, 0])
  assert.deepEqual(await outcomeOf(client), [19, -1])
  assert.deepEqual(await outcomeOf(client), [0, 0])
  assert.equal(fault.hits, 2)
  assert.equal(sandbox.log('t', 0).length, 1)
})

test('an error after the append: stored, and the offset is told', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.errorAfterAppend(7)
  assert.deepEqual(await outcomeOf(client), [7, 0])
  assert.deepEqual(await outcomeOf(client), [0, 1])
  assert.equal(sandbox.endOffset('t', 0), 2)
})

test('a filter by producer, topic and broker', async (t) => {
  const sandbox = await sandboxFor(t, {
    brokers: 2,
    topics: [
      { topic: 't', partitions: 2 },
      { topic: 'u', partitions: 1 },
    ],
  })
  const client = await clientOf(t, sandbox)
  const mine = sandbox.errorBeforeAppend(3, { producerId: 5n })
  const elsewhere = sandbox.errorBeforeAppend(19, { broker: 2 })
  const other = sandbox.errorBeforeAppend(87, { topic: 'u' })
  assert.deepEqual(await outcomeOf(client), [0, 0])
  assert.deepEqual(await outcomeOf(client, { records: plainBatch('v', 1, { producerId: 5n }) }), [3, -1])
  assert.deepEqual(await outcomeOf(client, { topic: 'u' }), [87, -1])
  assert.deepEqual(await outcomeOf(await clientOf(t, sandbox, 1), { partition: 1 }), [19, -1])
  assert.deepEqual([mine.hits, elsewhere.hits, other.hits], [1, 1, 1])
})

test('one batch of a request fails, the others are stored', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.errorBeforeAppend(19, { partition: 1 })
  const body = produceBody({})
  body.topicData[0]!.partitionData.push({ index: 1, records: plainBatch('w') })
  const answer = await client.request('produce', 9, body)
  const codes = answer.responses[0]!.partitionResponses.map(({ index, errorCode }) => [index, errorCode])
  assert.deepEqual(codes, [
    [0, 0],
    [1, 19],
  ])
})

test('a delayed answer: stored at once, answered later, and it holds up what is behind it', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const fault = sandbox.delay(150, { api: 'Produce' })
  const began = performance.now()
  const first = produceOne(client)
  await until(() => sandbox.endOffset('t', 0) === 1)
  const second = produceOne(client)
  await client.request('metadata', 4, { topics: [] })
  assert.equal((await first).baseOffset, 0)
  assert.equal((await second).baseOffset, 1)
  assert.ok(performance.now() - began >= 299)
  fault.lift()
  await produceOne(client)
  assert.equal(fault.hits, 2)
})

test('a dropped answer: stored, the connection is open and silent', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const fault = sandbox.dropAnswer()
  await client.request('metadata', 4, { topics: [] })
  await assert.rejects(produceOne(client, {}, 150), /no answer/)
  await assert.rejects(client.request('metadata', 4, { topics: [] }, 150), /no answer/)
  assert.deepEqual([fault.hits, client.isClosed, sandbox.endOffset('t', 0)], [1, false, 1])
  assert.deepEqual(await outcomeOf(await clientOf(t, sandbox)), [0, 1])
  await client.close()
  await until(() => sandbox.brokers[0]!.connections === 1)
})

test('a cut: stored, and the connection is reset', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.cutAfterAppend({ topic: 't' })
  await assert.rejects(produceOne(client), /closed/)
  assert.equal(sandbox.endOffset('t', 0), 1)
})

test('throttling: the answer says so, and then the broker does not read for so long (KIP-219)', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.throttle(200)
  const { errorCode, throttleTimeMs } = await produceOne(client)
  const answered = performance.now()
  assert.deepEqual([errorCode, throttleTimeMs], [0, 200])
  sandbox.throttle(0)
  assert.equal((await produceOne(client)).throttleTimeMs, 0)
  assert.ok(performance.now() - answered >= 190)
})

test('a stalled broker: connections are made and kept, nothing is answered until it goes on', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  await produceOne(client)
  sandbox.stall(1)
  const late = await clientOf(t, sandbox)
  const answers = [produceOne(client), produceOne(client), produceOne(late, { partition: 1 })]
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual([sandbox.endOffset('t', 0), sandbox.endOffset('t', 1)], [1, 0])
  sandbox.unstall(1)
  const offsets = (await Promise.all(answers)).map(({ baseOffset }) => baseOffset)
  assert.deepEqual(offsets, [1, 2, 0])
})

test('what a broker had to answer when it stalled is answered when it goes on', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.slowPartition('t', 0, Number.POSITIVE_INFINITY)
  const answer = produceOne(client)
  await until(() => sandbox.endOffset('t', 0) === 1)
  sandbox.stall(1)
  sandbox.slowPartition('t', 0, 0)
  let isAnswered = false
  void answer.then(() => (isAnswered = true))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(isAnswered, false)
  sandbox.unstall(1)
  assert.equal((await answer).errorCode, 0)
})

test('forgotten producers may go on with any sequence', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  const records = (baseSequence: number) => plainBatch('v', 1, { producerId: 7n, baseSequence })
  assert.deepEqual(await outcomeOf(client, { records: records(0) }), [0, 0])
  assert.deepEqual(await outcomeOf(client, { records: records(5) }), [45, -1])
  sandbox.forgetProducers()
  assert.deepEqual(await outcomeOf(client, { records: records(5) }), [0, 1])
})

test('lifting all faults at once', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.errorBeforeAppend(19, {}, 100)
  sandbox.dropAnswer({}, 100)
  sandbox.throttle(60_000)
  sandbox.liftFaults()
  assert.deepEqual(
    await produceOne(client).then(({ errorCode, throttleTimeMs }) => [errorCode, throttleTimeMs]),
    [0, 0],
  )
})

test('acks 0: an error closes the connection, as a broker does', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  sandbox.errorBeforeAppend(6)
  client.post('produce', 9, produceBody({ acks: 0 }))
  await client.closed
})
