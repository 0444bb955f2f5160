import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { assertCriterion, type Ledger, ledgerOf } from '#test/support/criterion.ts'
import { readLog } from '#test/support/java-client.ts'
import { produceKafkajs } from '#test/support/kafkajs-client.ts'
import type { ProducerSpec } from '#test/support/producer-spec.ts'
import { withClient } from '#test/support/raw-client.ts'
import { type ThreeClusters, useThreeClusters } from '#test/support/three-clusters.ts'

/**
 * Of several brokers at one address kafkajs keeps the last, and drops the messages of the others without an
 * error (broker-facts.md §3): each cluster needs a port of its own.
 */
describe('kafkajs with three clusters', () => {
  const three = useThreeClusters({ node: { id: 'gw-test', workers: 2 } })

  test('each cluster is shown at a port of its own', async () => {
    const { brokers } = await withClient(three.gateway.port, (client) =>
      client.request('metadata', 6, { topics: [], allowAutoTopicCreation: false }),
    )
    assert.equal(brokers.length, 3)
    assert.equal(new Set(brokers.map(({ host, port }) => `${host}:${port}`)).size, 3)
  })

  for (const [name, properties] of Object.entries<Record<string, string>>({
    plain: {},
    idempotent: { 'enable.idempotence': 'true' },
  })) {
    test(`${name}: sends to all three lose nothing`, async () => {
      const topics = topicsOf(name)
      await three.createTopics(...topics)
      const { bootstrap } = three.gateway
      const spec: ProducerSpec = { name, bootstrap, properties, generate: { topics, count: 300 } }
      const outcomes = await produceKafkajs(spec)
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
      )
      assertCriterion([ledgerOf(spec, outcomes, { idempotent: true, ordered: true })], await logsOf(topics))
    })
  }

  test('batches for topics of all three, many at once, lose nothing', async () => {
    const topics = topicsOf('batch')
    await three.createTopics(...topics)
    const kafka = new Kafka({ brokers: [three.gateway.bootstrap], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    const ledger: Ledger = { producer: 'batch', sent: [], outcomes: [], ordered: false }
    await Promise.all(Array.from({ length: 20 }, (_, i) => sendBatch(producer, topics, ledger, i)))
    await producer.disconnect()
    assert.equal(ledger.sent.length, 300)
    assert.deepEqual(
      ledger.outcomes.filter(({ error }) => error !== null),
      [],
    )
    assertCriterion([ledger], await logsOf(topics))
  })

  /** Five messages for each topic in one call; kafkajs tells where each topic's messages went. */
  async function sendBatch(
    producer: ReturnType<Kafka['producer']>,
    topics: string[],
    ledger: Ledger,
    round: number,
  ): Promise<void> {
    const partition = (topic: string): number => (three.clusterOf(topic) === three.c3 ? round % 5 : 0)
    const values = (topic: string): Buffer[] =>
      Array.from({ length: 5 }, (_, i) => Buffer.from(`${topic}|${round}|${i}`))
    const answers = await producer.sendBatch({
      topicMessages: topics.map((topic) => ({
        topic,
        messages: values(topic).map((value) => ({ value, partition: partition(topic) })),
      })),
    })
    for (const topic of topics) {
      const answer = answers.find(({ topicName }) => topicName === topic)
      for (const [i, value] of values(topic).entries()) {
        const id = ledger.sent.length
        const place = { id, topic, partition: partition(topic) }
        ledger.sent.push({ ...place, key: null, value, headers: [], timestamp: null })
        const error = answer?.errorCode === 0 ? null : 'kafkajs tells nothing of it'
        const offset = Number(answer?.baseOffset ?? -1) + i
        ledger.outcomes.push({ ...place, offset, timestamp: -1, error, code: null, ms: 0 })
      }
    }
  }

  function topicsOf(name: string): string[] {
    return [`app-${name}`, `a-${name}`, `b-${name}`]
  }

  async function logsOf(topics: string[]): ReturnType<typeof logs> {
    return logs(three, topics)
  }
})

async function logs(three: ThreeClusters, topics: string[]) {
  const names = ['c1', 'c2', 'c3'] as const
  const nameOf = (topic: string) => names.find((name) => three[name] === three.clusterOf(topic))!
  const read = names.map(async (name) => {
    const own = topics.filter((topic) => nameOf(topic) === name)
    return [name, await readLog(three[name].bootstrap, own)] as const
  })
  return { clusters: Object.fromEntries(await Promise.all(read)), clusterOf: nameOf }
}
