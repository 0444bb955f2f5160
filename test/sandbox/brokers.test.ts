import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { handlers } from '#sandbox/registry.ts'
import { clientOf, outcomeOf, produceOne, sandboxFor } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { leaderOf, RawClient } from '#test/support/raw-client.ts'

const fresh = { producerId: 11n, baseTimestamp: BigInt(Date.now()) }
const sequence = (baseSequence: number): Buffer => plainBatch('v', 1, { ...fresh, baseSequence })

test('every handler has a file named by its key, and ApiVersions lists exactly the handlers', async (t) => {
  const files = readdirSync(`${import.meta.dirname}/../../sandbox/handlers`).map((name) =>
    Number(name.slice(0, 2)),
  )
  assert.deepEqual(
    files,
    handlers.map(({ api }) => api.key),
  )
  const client = await clientOf(t, await sandboxFor(t))
  const { apiKeys } = await client.request('apiVersions', 4, {
    clientSoftwareName: 'x',
    clientSoftwareVersion: '1',
  })
  assert.deepEqual(
    apiKeys.map(({ apiKey }) => apiKey),
    files,
  )
})

test('brokers have ports of their own and know all leaders', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 3, topics: [{ topic: 't', partitions: 5 }] })
  assert.equal(new Set(sandbox.brokers.map(({ port }) => port)).size, 3)
  assert.equal(sandbox.bootstrap, sandbox.brokers.map(({ port }) => `127.0.0.1:${port}`).join(','))
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((partition) => sandbox.leader('t', partition)),
    [1, 2, 3, 1, 2],
  )
  for (const { port } of sandbox.brokers) {
    assert.equal((await leaderOf(port, 't', 1)).port, sandbox.brokers[1]!.port)
  }
})

test('a port that is asked for is taken', async (t) => {
  const first = await sandboxFor(t)
  const { port } = first.brokers[0]!
  await assert.rejects(sandboxFor(t, { ports: [port] }), /EADDRINUSE/)
  await first.close()
  assert.equal((await sandboxFor(t, { ports: [port] })).brokers[0]!.port, port)
})

test('a leader moves: the old one answers 6 and names the new one from version 10 on (KIP-951)', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2 })
  const client = await clientOf(t, sandbox)
  await produceOne(client)
  sandbox.moveLeader('t', 0, 2)
  assert.deepEqual(await outcomeOf(client), [6, -1])
  const { errorCode, baseOffset, currentLeader, nodeEndpoints } = await produceOne(client, { version: 11 })
  const { leaderId, leaderEpoch } = currentLeader
  assert.deepEqual([errorCode, baseOffset, leaderId, leaderEpoch], [6, -1, 2, 1])
  assert.deepEqual(
    nodeEndpoints.map(({ nodeId, port }) => [nodeId, port]),
    [[2, sandbox.brokers[1]!.port]],
  )
  assert.deepEqual(await outcomeOf(await clientOf(t, sandbox, 1)), [0, 1])
})

test('a leader moves to a broker that was no replica', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2, topics: [{ topic: 't', partitions: 1, replicas: 1 }] })
  sandbox.moveLeader('t', 0, 2)
  const client = await clientOf(t, sandbox, 1)
  const { topics } = await client.request('metadata', 4, { topics: [{ name: 't' }] })
  assert.deepEqual(topics[0]!.partitions[0]!.replicaNodes, [2])
  assert.deepEqual(await outcomeOf(client), [0, 0])
})

test('a killed broker resets its connections and keeps its port; Metadata names it until it is fenced', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2 })
  const [first, second] = sandbox.brokers
  const client = await clientOf(t, sandbox)
  const other = await clientOf(t, sandbox, 1)
  const { port } = first!
  await first!.kill()
  await client.closed
  await assert.rejects(RawClient.connect(port), /ECONNREFUSED/)
  const named = async () =>
    (await other.request('metadata', 4, { topics: null })).brokers.map(({ nodeId }) => nodeId)
  assert.deepEqual([await named(), sandbox.leader('t', 0)], [[1, 2], 1])
  sandbox.fence(1)
  assert.deepEqual([await named(), sandbox.leader('t', 0)], [[2], 2])
  assert.deepEqual(await outcomeOf(other), [0, 0])
  await first!.restart()
  assert.deepEqual([first!.port, await named(), sandbox.leader('t', 0)], [port, [1, 2], 2])
  assert.equal(second!.connections, 1)
})

test('a partition whose only replica is gone has no leader until the broker is back', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2, topics: [{ topic: 't', partitions: 1, replicas: 1 }] })
  await produceOne(await clientOf(t, sandbox))
  await sandbox.brokers[0]!.kill()
  sandbox.fence(1)
  const other = await clientOf(t, sandbox, 1)
  const { topics } = await other.request('metadata', 5, { topics: [{ name: 't' }] })
  const { errorCode, leaderId, isrNodes, offlineReplicas } = topics[0]!.partitions[0]!
  assert.deepEqual([errorCode, leaderId, isrNodes, offlineReplicas], [5, -1, [], [1]])
  await sandbox.brokers[0]!.restart()
  assert.equal(sandbox.leader('t', 0), 1)
  assert.deepEqual(await outcomeOf(await clientOf(t, sandbox)), [0, 1])
})

test('a restarted broker knows only the last batch of each producer', async (t) => {
  const sandbox = await sandboxFor(t)
  const before = await clientOf(t, sandbox)
  for (let i = 0; i < 5; i++) await produceOne(before, { records: sequence(i) })
  await sandbox.brokers[0]!.restart()
  const client = await clientOf(t, sandbox)
  const codes: number[] = []
  for (let i = 0; i < 6; i++) codes.push((await produceOne(client, { records: sequence(i) })).errorCode)
  assert.deepEqual(codes, [45, 45, 45, 45, 0, 0])
  assert.equal(sandbox.endOffset('t', 0), 6)
})

test('a follower that leads knows five batches, and after a restart the last one', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2 })
  const [first, second] = [await clientOf(t, sandbox), await clientOf(t, sandbox, 1)]
  for (let i = 0; i < 5; i++) await produceOne(first, { records: sequence(i) })
  sandbox.moveLeader('t', 0, 2)
  assert.deepEqual(await outcomeOf(second, { records: sequence(1) }), [0, 1])
  await sandbox.brokers[0]!.restart()
  await produceOne(second, { records: sequence(5) })
  sandbox.moveLeader('t', 0, 1)
  const back = await clientOf(t, sandbox)
  assert.deepEqual(await outcomeOf(back, { records: sequence(3) }), [45, -1])
  assert.deepEqual(await outcomeOf(back, { records: sequence(4) }), [0, 4])
  assert.deepEqual(await outcomeOf(back, { records: sequence(5) }), [0, 5])
})

test('counters', async (t) => {
  const sandbox = await sandboxFor(t)
  const client = await clientOf(t, sandbox)
  await produceOne(client)
  await produceOne(client, { partition: 1 })
  await client.request('metadata', 4, { topics: [] })
  const { counters, connections } = sandbox.brokers[0]!
  assert.deepEqual(counters.requests, { Produce: 2, Metadata: 1 })
  assert.deepEqual(
    [counters.produceRequests, counters.batches, counters.connections, connections],
    [2, 2, 1, 1],
  )
})

test('topics appear, grow and go', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 2, topics: [] })
  const client = await clientOf(t, sandbox)
  sandbox.createTopic({ topic: 'new', partitions: 1 })
  assert.throws(() => sandbox.createTopic({ topic: 'new', partitions: 1 }), /already/)
  sandbox.addPartitions('new', 3)
  assert.deepEqual(sandbox.topics, [{ topic: 'new', partitions: 3, replicas: 2 }])
  assert.deepEqual(await outcomeOf(client, { topic: 'new', partition: 2 }), [0, 0])
  sandbox.deleteTopic('new')
  assert.deepEqual(await outcomeOf(client, { topic: 'new', partition: 2 }), [3, -1])
  assert.throws(() => sandbox.log('new', 0), /no new-0/)
})
