import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { plainBatch } from '#test/support/batches.ts'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog, startJavaProducer } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { startPythonProducer } from '#test/support/python-client.ts'
import { RawClient, readBatches } from '#test/support/raw-client.ts'

const REQUEST_TIMED_OUT = 7
const NOT_ENOUGH_REPLICAS = 19
const TIMEOUT_MS = 4000

describe('the ack is real: with the leader stopped nothing is acknowledged', () => {
  let cluster: KafkaCluster
  let gateway: Gateway

  before(async () => {
    cluster = await startCluster({ version: '4.4.0' })
    gateway = await startGateway({ clusters: { c: cluster.bootstrap }, routes: { t: 'c' } })
  })
  after(async () => {
    await gateway?.close()
    await cluster?.close()
  })

  const send = (client: RawClient, topic: string, records: Buffer, timeoutMs = TIMEOUT_MS) =>
    client.request('produce', 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    })
  type Answer = Awaited<ReturnType<typeof send>>
  const codeOf = (answer: Answer) => answer.responses[0]!.partitionResponses[0]!.errorCode

  test('clients get 7 or 19 on an open connection before their own timeout', async () => {
    const topics = ['t.sent', 't.unsent']
    await cluster.createTopics(topics.map((topic) => ({ topic, partitions: 1 })))
    const clients = [await RawClient.connect(gateway.port), await RawClient.connect(gateway.port)]
    const [first, second] = clients as [RawClient, RawClient]
    const idempotent = plainBatch('once-', 1, { producerId: (1n << 62n) | 7n })
    const plain = plainBatch('plain-')
    // Leaders are learned and the lane is open before the broker stops.
    assert.equal(codeOf(await send(first, 't.sent', plainBatch('before-'))), 0)
    cluster.brokers[0]!.pause()
    const began = performance.now()
    const sent = send(first, 't.sent', idempotent)
    const unsent = send(second, 't.unsent', plain)
    assert.equal(codeOf(await sent), REQUEST_TIMED_OUT, 'sent, and nobody knows what became of it')
    assert.equal(codeOf(await unsent), NOT_ENOUGH_REPLICAS, 'surely not sent')
    assert.ok(performance.now() - began < TIMEOUT_MS, 'before the client gives up')
    assert.ok(!first.isClosed && !second.isClosed)
    cluster.brokers[0]!.resume()
    assert.equal(codeOf(await send(first, 't.sent', idempotent, 30_000)), 0, 'the same batch again')
    assert.equal(codeOf(await send(second, 't.unsent', plain, 30_000)), 0)
    await Promise.all(clients.map((client) => client.close()))
    assert.equal((await readBatches(cluster.brokers[0]!.port, 't.sent', 0)).length, 2, 'found as a duplicate')
    assert.equal(
      (await readBatches(cluster.brokers[0]!.port, 't.unsent', 0)).length,
      1,
      '19 means not stored',
    )
  })

  test('after SIGCONT idempotent records are there once, the others at least once', async () => {
    const topics = ['t.java', 't.rdkafka', 't.rdkafka.once']
    await cluster.createTopics(topics.map((topic) => ({ topic, partitions: 2 })))
    const spec = (name: string, topic: string, properties: Record<string, string>) => ({
      name,
      bootstrap: gateway.bootstrap,
      properties: { 'request.timeout.ms': '4000', ...properties },
      generate: { topics: [topic], perSecond: 100, count: 900 },
    })
    const producers = await Promise.all([
      startJavaProducer(spec('java', 't.java', {})),
      startPythonProducer(spec('rdkafka', 't.rdkafka', {})),
      startPythonProducer(spec('rdkafka-once', 't.rdkafka.once', { 'enable.idempotence': 'true' })),
    ])
    await Promise.all(producers.map((producer) => producer.waitForOutcomes(50)))
    cluster.brokers[0]!.pause()
    const before = producers.map((producer) => producer.outcomes.length)
    await new Promise((resolve) => setTimeout(resolve, 6000))
    const acked = producers.map(
      (producer, i) => producer.outcomes.slice(before[i]).filter(({ error }) => error === null).length,
    )
    cluster.brokers[0]!.resume()
    const ledgers = []
    for (const producer of producers) {
      const outcomes = await producer.finish()
      const idempotent = producer.spec.name !== 'rdkafka'
      ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent, ordered: idempotent, count: 900 }))
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
        producer.spec.name,
      )
    }
    assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, topics) } })
    // What was on its way when the signal came may still be told; nothing that was sent later.
    for (const count of acked) assert.ok(count < 50, `${count} acks while the leader was stopped`)
  })
})
