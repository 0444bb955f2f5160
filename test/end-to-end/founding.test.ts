import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { produceJava, readLog } from '#test/support/java-client.ts'
import { produceKafkajs } from '#test/support/kafkajs-client.ts'
import { base64, type Outcome, type ProducerSpec } from '#test/support/producer-spec.ts'
import { producePython } from '#test/support/python-client.ts'
import { withClient } from '#test/support/raw-client.ts'
import { useThreeClusters } from '#test/support/three-clusters.ts'

const TOPICS = ['apples', 'app-something', 'apricots', 'analogue', 'bananas']
const CLIENTS: Record<string, (spec: ProducerSpec) => Promise<Outcome[]>> = {
  java: produceJava,
  librdkafka: producePython,
  kafkajs: produceKafkajs,
}

describe('the founding example', () => {
  const three = useThreeClusters()

  test('the clusters, not the config, say how many partitions a topic has', async () => {
    await three.createTopics(...TOPICS)
    const { gateway } = three
    const answer = await withClient(gateway.port, (client) =>
      client.request('metadata', 12, {
        topics: [...TOPICS, 'cherries'].map((name) => ({ name })),
        allowAutoTopicCreation: true,
      }),
    )
    const counts = Object.fromEntries(
      answer.topics.map(({ name, errorCode, partitions }) => [name, errorCode || partitions.length]),
    )
    assert.deepEqual(counts, {
      apples: 1,
      'app-something': 1,
      apricots: 1,
      analogue: 1,
      bananas: 5,
      cherries: 17,
    })
    const ports = answer.brokers.map(({ port }) => port)
    assert.deepEqual(
      ports.toSorted(),
      ['c1', 'c2', 'c3'].map((name) => gateway.ports[`public/${name}`]!).toSorted(),
      'one virtual broker per cluster, each with a port of its own',
    )
  })

  for (const [client, produce] of Object.entries(CLIENTS)) {
    test(`${client}: topics land where their routes lead, and cherries are refused at once`, async () => {
      const topics = [...TOPICS, 'cherries']
      const records = topics.map((topic) => ({ topic, value: base64(`${client} to ${topic}`) }))
      const outcomes = await produce({
        name: client,
        bootstrap: three.gateway.bootstrap,
        records: [...records, ...records.filter(({ topic }) => topic !== 'cherries')],
      })
      for (const { topic, error, code, ms } of outcomes) {
        if (topic !== 'cherries') assert.equal(error, null, `${topic}: ${error}`)
        else {
          assert.equal(code, 17, `cherries: ${error}`)
          assert.ok(ms < 10_000, `refused at once, not after ${ms} ms of its own patience`)
        }
      }
    })
  }

  test('each record stands on its own cluster and on no other', async () => {
    for (const cluster of three.all) {
      const own = TOPICS.filter((topic) => three.clusterOf(topic) === cluster)
      const names = await cluster.withAdmin((admin) => admin.listTopics())
      assert.deepEqual(names.filter((name) => !name.startsWith('__')).toSorted(), own.toSorted())
      const values = (await readLog(cluster.bootstrap, own)).map(({ value }) => String(value))
      const wanted = own.flatMap((topic) => Object.keys(CLIENTS).flatMap((client) => `${client} to ${topic}`))
      assert.deepEqual(values.toSorted(), [...wanted, ...wanted].toSorted())
    }
  })

  test('the state counts what happened', async () => {
    const state = await three.gateway.waitFor('totals', ({ clusters }) => {
      const { recordsIn, batchesIn, acks } = clusters.c3!.totals
      return recordsIn === 6 && acks === batchesIn
    })
    assert.equal(state.clusters.c1!.totals.errors, 0)
    assert.equal(state.clusters.c1!.state, 'up')
    assert.equal(state.nodes['gw-test']!.reservedBytes, 0)
    assert.match(await three.gateway.metrics(), /^sluice_acks_total\{cluster="c1"\} [1-9]/m)
    assert.equal(await three.gateway.health('/readyz'), 200)
    assert.equal(await three.gateway.health('/livez'), 200)
  })
})
