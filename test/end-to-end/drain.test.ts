import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { type Gateway, type GatewayOptions, startGateway } from '#test/support/gateway.ts'
import { readLog, startJavaProducer } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { startKafkajsProducer } from '#test/support/kafkajs-client.ts'
import { freePortRange } from '#test/support/ports.ts'
import type { RunningProducer } from '#test/support/producer-process.ts'
import { startPythonProducer } from '#test/support/python-client.ts'

const TOPICS = ['t.java', 't.rdkafka', 't.kafkajs']

describe('SIGTERM under load', () => {
  let cluster: KafkaCluster
  const gateways: Gateway[] = []

  before(async () => {
    cluster = await startCluster({ version: '4.3.1' })
    await cluster.createTopics(TOPICS.map((topic) => ({ topic, partitions: 3 })))
  })
  after(async () => {
    for (const gateway of gateways) await gateway.close()
    await cluster?.close()
  })

  /** The ports are taken until the first gateway has closed its listeners. */
  async function startWhenFree(options: GatewayOptions): Promise<Gateway> {
    for (const deadline = Date.now() + 30_000; ; await pause(50)) {
      try {
        return await startGateway(options)
      } catch (error) {
        if (Date.now() > deadline) throw error
      }
    }
  }

  test('a second gateway takes over, and no client ends with an error', async () => {
    const options = {
      clusters: { c: cluster.bootstrap },
      routes: { t: 'c' },
      firstPort: await freePortRange(2),
    }
    const first = await startGateway(options)
    gateways.push(first)
    const spec = (name: string) => ({
      name,
      bootstrap: first.bootstrap,
      generate: { topics: [`t.${name}`], perSecond: 200 },
    })
    const producers: RunningProducer[] = await Promise.all([
      startJavaProducer(spec('java')),
      startPythonProducer(spec('rdkafka')),
      startKafkajsProducer(spec('kafkajs')),
    ])
    await Promise.all(producers.map((producer) => producer.waitForOutcomes(200)))

    const draining = first.drain()
    await pause(100)
    assert.equal(await first.health('/readyz'), 503, 'not ready, so that no balancer sends new clients')
    const second = await startWhenFree(options)
    gateways.push(second)
    assert.deepEqual(await draining, { code: 0, signal: null })

    const counts = producers.map(({ outcomes }) => outcomes.length)
    await Promise.all(producers.map((producer, i) => producer.waitForOutcomes(counts[i]! + 300)))
    const ledgers = []
    for (const producer of producers) {
      const outcomes = await producer.finish()
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
        producer.spec.name,
      )
      const java = producer.spec.name === 'java'
      const count = producer.done!.sent
      ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent: java, ordered: java, count }))
    }
    assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, TOPICS) } })
    const state = await second.waitFor('idle', ({ clusters }) => clusters.c!.waiting === 0)
    assert.equal(state.nodes['gw-test']!.state, 'serving')
  })
})
