import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis } from '#protocol/apis.ts'
import { finishRequestHeader } from '#protocol/header.ts'
import { encodeProduceResponse, type ProduceResult, readProduceRequest } from '#protocol/produce-wire.ts'
import { type Asked, StubBroker } from '#test/upstream/stub-broker.ts'
import { UpstreamConnection } from '#upstream/connection.ts'
import { produce } from '#upstream/produce.ts'

const batch = (topic: string, index: number, size = 80) => ({
  topic,
  index,
  bytes: Buffer.alloc(size, index + 1),
})

function group<B extends { topic: string }>(batches: B[]): Map<string, B[]> {
  return Map.groupBy(batches, ({ topic }) => topic)
}

const stored = (index: number, baseOffset: number) => ({
  index,
  errorCode: 0,
  baseOffset,
  logAppendTimeMs: -1,
  logStartOffset: 0,
  recordErrors: null,
  errorMessage: null,
})

/** Sends the batches to a broker that answers as `answer` says. */
async function send<B extends { topic: string; index: number; bytes: Buffer }>(
  batches: B[],
  answer: (asked: Asked, version: number) => Buffer,
): Promise<{ results: (ProduceResult | null)[]; throttleMs: number; asked: Asked }> {
  const broker = await new StubBroker().listen()
  let asked: Asked | undefined
  broker.instead = (request) => {
    if (request.key !== apis.produce.key) return false
    asked = request
    request.socket.write(answer(request, request.version))
    return true
  }
  const timeouts = { connectTimeoutMs: 2000, requestTimeoutMs: 2000 }
  const connection = new UpstreamConnection({ ...broker.address, clientId: 'me', ...timeouts })
  try {
    await connection.open()
    return await new Promise((resolve, failed) => {
      const call = { acks: -1 as const, timeoutMs: 1234, byTopic: group(batches), batches }
      produce(connection, call, {
        answered: (results, throttleMs) => resolve({ results, throttleMs, asked: asked! }),
        failed,
      })
    })
  } finally {
    connection.close()
    await broker.close()
  }
}

test('a request carries each batch as it came, small and large', async () => {
  const batches = [batch('t', 0), batch('u', 5, 9000), batch('t', 3, 5000), batch('t', 2, 61)]
  const { asked } = await send(batches, ({ correlationId, version }) =>
    encodeProduceResponse(version, correlationId, [], 0),
  )
  assert.equal(asked.clientId, 'me')
  finishRequestHeader(asked.body, apis.produce, asked.version)
  const { acks, timeoutMs, transactionalId, topics } = readProduceRequest(asked.body, asked.version)
  assert.deepEqual([acks, timeoutMs, transactionalId], [-1, 1234, null])
  const carried = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ index, records }) => ({ topic: name, index, bytes: Buffer.from(records!) })),
  )
  assert.deepEqual(carried, [batches[0], batches[2], batches[3], batches[1]])
})

test('answers are matched by topic and partition, never by position', async () => {
  const batches = [batch('t', 0), batch('t', 1), batch('u', 0), batch('u', 1)]
  const { results, throttleMs } = await send(batches, ({ correlationId, version }) =>
    encodeProduceResponse(
      version,
      correlationId,
      [
        { name: 'u', partitions: [stored(1, 40), stored(0, 30)] },
        { name: 't', partitions: [stored(1, 20)] },
        { name: 'strange', partitions: [stored(0, 99)] },
        { name: 't', partitions: [stored(7, 98), stored(0, 10)] },
      ],
      250,
    ),
  )
  assert.deepEqual(
    results.map((each) => each?.baseOffset),
    [10, 20, 30, 40],
  )
  assert.equal(throttleMs, 250)
})

test('a partition that the answer leaves out has no result', async () => {
  const batches = [batch('t', 0), batch('t', 1)]
  const { results } = await send(batches, ({ correlationId, version }) =>
    encodeProduceResponse(version, correlationId, [{ name: 't', partitions: [stored(1, 5)] }], 0),
  )
  assert.deepEqual(
    results.map((each) => each?.baseOffset),
    [undefined, 5],
  )
})

test('an answer that does not decode is a failure', async () => {
  const broken = send([batch('t', 0)], ({ correlationId, version }) => {
    const whole = encodeProduceResponse(
      version,
      correlationId,
      [{ name: 't', partitions: [stored(0, 5)] }],
      0,
    )
    const cut = whole.subarray(0, whole.length - 6)
    cut.writeInt32BE(cut.length - 4)
    return cut
  })
  await assert.rejects(broken, /bytes/)
})

test('an answer stays as it is while others are encoded', () => {
  const answer = (offset: number) =>
    encodeProduceResponse(9, 1, [{ name: 't', partitions: [stored(0, offset)] }], 0)
  const first = answer(1)
  const as = Buffer.from(first)
  assert.notDeepEqual(answer(2), as)
  assert.deepEqual(first, as)
})
