import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertCriterion, type Ledger, ledgerOf } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { produceJava, readLog } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { produceKafkajs } from '#test/support/kafkajs-client.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'
import { producePython, startPythonProducer } from '#test/support/python-client.ts'
import { endOffsets, readBatches } from '#test/support/raw-client.ts'
import { richRecords } from '#test/support/rich-records.ts'

type Properties = Record<string, string>

interface ClientCase {
  produce: (spec: ProducerSpec) => Promise<Outcome[]>
  /** Codecs it has, besides none. */
  codecs: string[]
  /** Further settings to run with, by name. */
  variants: Record<string, Properties>
}

const CLIENTS: Record<string, ClientCase> = {
  java: { produce: produceJava, codecs: ['gzip', 'snappy', 'lz4', 'zstd'], variants: {} },
  librdkafka: {
    produce: producePython,
    codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
    variants: { idempotent: { 'enable.idempotence': 'true' } },
  },
  kafkajs: { produce: produceKafkajs, codecs: ['gzip'], variants: {} },
}
/** A lone record with little in it; what compresses well is longer. */
const INCOMPRESSIBLE_BYTES = 256
const CODEC_BITS: Record<string, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

describe('clients with their default settings', () => {
  let one: KafkaCluster
  let two: KafkaCluster
  let gateway: Gateway

  before(async () => {
    ;[one, two] = await Promise.all([startCluster({ version: '3.9.2' }), startCluster({ version: '4.4.0' })])
    gateway = await startGateway({
      clusters: { one: one.bootstrap, two: two.bootstrap },
      routes: { 'one.': 'one', 'two.': 'two' },
    })
  })
  after(async () => {
    await gateway?.close()
    await Promise.all([one?.close(), two?.close()])
  })

  /** Three topics on two clusters, for one run alone. */
  async function topicsOf(run: string): Promise<string[]> {
    const topics = [`one.${run}`, `two.${run}`, `two.${run}.single`]
    await one.createTopics([{ topic: topics[0]!, partitions: 3 }])
    await two.createTopics([
      { topic: topics[1]!, partitions: 4 },
      { topic: topics[2]!, partitions: 1 },
    ])
    return topics
  }

  async function check(ledger: Ledger, topics: string[]): Promise<void> {
    const own = (prefix: string) => topics.filter((topic) => topic.startsWith(prefix))
    const [first, second] = await Promise.all([
      readLog(one.bootstrap, own('one.')),
      readLog(two.bootstrap, own('two.')),
    ])
    assertCriterion([ledger], {
      clusters: { one: first, two: second },
      clusterOf: (topic) => topic.slice(0, 3),
    })
  }

  for (const [name, { produce, codecs, variants }] of Object.entries(CLIENTS)) {
    const cases: [string, Properties, number][] = [
      ['default', {}, 2000],
      ['acks=1', { acks: '1' }, 400],
      ['acks=0', { acks: '0' }, 400],
      ...Object.entries(variants).map(
        ([variant, properties]) => [variant, properties, 400] as [string, Properties, number],
      ),
      ...codecs.map((codec) => [codec, { 'compression.type': codec }, 400] as [string, Properties, number]),
    ]
    for (const [variant, properties, count] of cases) {
      test(`${name}, ${variant}: all is stored once, in order, unchanged, where the client was told`, async () => {
        const topics = await topicsOf(`${name}.${variant.replace('=', '-')}`)
        const spec = {
          name: `${name}-${variant}`,
          bootstrap: gateway.bootstrap,
          properties,
          records: richRecords(`${name}-${variant}`, topics, count),
        }
        const outcomes = await produce(spec)
        assert.deepEqual(
          outcomes.filter(({ error }) => error !== null),
          [],
        )
        await check(ledgerOf(spec, outcomes, { idempotent: true, ordered: true }), topics)
        await assertStoredAs(CODEC_BITS[variant] ?? 0, topics)
      })
    }
  }

  /**
   * The batches are of magic 2, with the codec that the client was asked for. librdkafka leaves a batch as it is
   * where the codec makes it no smaller: a lone small record, sent when the moment wants it so.
   */
  async function assertStoredAs(bits: number, topics: string[]): Promise<void> {
    for (const topic of topics) {
      const { port } = (topic.startsWith('one.') ? one : two).brokers[0]!
      const partitions = [...(await endOffsets(port, topic)).keys()]
      const batches = await Promise.all(partitions.map((index) => readBatches(port, topic, index)))
      let compressed = 0
      for (const batch of batches.flat()) {
        assert.equal(batch[16], 2, 'magic')
        const codec = batch[22]! & 7
        if (codec !== 0) compressed++
        else if (batch.length < INCOMPRESSIBLE_BYTES) continue
        assert.equal(codec, bits, `codec of ${topic}, a batch of ${batch.length} bytes`)
      }
      if (bits !== 0) assert.ok(compressed > 0, `nothing of ${topic} is compressed`)
    }
  }

  test('librdkafka finds the features that it derives from the listed versions', async () => {
    const [topic] = await topicsOf('features')
    const producer = await startPythonProducer({
      name: 'features',
      bootstrap: gateway.bootstrap,
      properties: { debug: 'feature' },
      records: [{ topic: topic!, value: 'eA==' }],
    })
    await producer.finish()
    for (const feature of ['MsgVer2', 'LZ4', 'ZSTD', 'IdempotentProducer']) {
      assert.match(producer.log(), new RegExp(`\\b${feature}\\b`), `librdkafka misses ${feature}`)
    }
  })
})
