import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { plainBatch } from '#test/support/batches.ts'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog, startJavaProducer } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { startKafkajsProducer } from '#test/support/kafkajs-client.ts'
import { Neighbours } from '#test/support/neighbours.ts'
import type { ProducerSpec } from '#test/support/producer-spec.ts'
import { startPythonProducer } from '#test/support/python-client.ts'
import { endOffsets, RawClient, readBatches } from '#test/support/raw-client.ts'

const KIB = 1024

/** Limits under load, in front of a real cluster, with clients that do nothing wrong beside those who do. */
describe('limits under load', () => {
  let cluster: KafkaCluster

  before(async () => {
    cluster = await startCluster({ version: '4.4.0' })
    await cluster.createTopics([
      { topic: 'good', partitions: 2 },
      { topic: 'storm', partitions: 4 },
      { topic: 'ahead', partitions: 1 },
      { topic: 'ahead-rdkafka', partitions: 1 },
      { topic: 'flood', partitions: 4 },
      { topic: 'age', partitions: 3 },
    ])
  })
  after(async () => {
    await cluster?.close()
  })

  const brokerPort = () => cluster.brokers[0]!.port

  const node = async (gateway: Gateway) => (await gateway.state()).nodes['gw-test']!

  /** For one test. */
  async function withGateway(
    limits: Record<string, unknown>,
    work: (gateway: Gateway) => Promise<void>,
  ): Promise<void> {
    const gateway = await startGateway({
      clusters: { c: cluster.bootstrap },
      routes: {},
      settings: {
        node: { id: 'gw-test', workers: 2 },
        routes: [{ match: 'default', cluster: 'c' }],
        limits,
      },
    })
    try {
      await work(gateway)
      await gateway.waitFor('nothing is left', ({ nodes, clusters }) => {
        const { connections, reservedBytes, unanswered } = nodes['gw-test']!
        return connections + reservedBytes + unanswered + clusters.c!.waiting === 0
      })
      assert.ok(!gateway.log().includes('a worker died'))
    } finally {
      await gateway.close()
    }
  }

  /** With good clients beside it, whose batches must all be stored in the end. */
  async function withNeighbours(
    limits: Record<string, unknown>,
    work: (gateway: Gateway, neighbours: Neighbours) => Promise<void>,
  ): Promise<void> {
    await withGateway(limits, async (gateway) => {
      const neighbours = await Neighbours.start(gateway.port, [
        ['good', 0],
        ['good', 1],
      ])
      try {
        await neighbours.goOn(10)
        await work(gateway, neighbours)
        await neighbours.goOn(10)
      } finally {
        await neighbours.finish(brokerPort())
      }
    })
  }

  const body = (topic: string, index: number, records: Buffer) => ({
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })

  async function produce(client: RawClient, topic: string, index: number, records: Buffer): Promise<bigint> {
    const answer = await client.request('produce', 9, body(topic, index, records), 60_000)
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
    assert.equal(errorCode, 0)
    return baseOffset
  }

  test('2,000 connects at once, each with one Produce: all are acknowledged and stored once', async () => {
    const count = 2000
    await withNeighbours({}, async (gateway) => {
      const clients = await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const client = await RawClient.connect(gateway.port)
          await produce(client, 'storm', i % 4, plainBatch(`storm ${i}.`))
          return client
        }),
      )
      await gateway.waitFor('all are there', ({ nodes }) => nodes['gw-test']!.connections === count + 2)
      await Promise.all(clients.map((client) => client.close()))
    })
    const ends = await endOffsets(brokerPort(), 'storm')
    assert.equal(
      [...ends.values()].reduce((sum, end) => sum + end, 0n),
      BigInt(count),
    )
  })

  test('5,000 idle connections end at limits.idleTimeout, busy ones stay', async () => {
    const count = 5000
    await withNeighbours({ idleTimeout: '4s' }, async (gateway, neighbours) => {
      const clients = await Promise.all(
        Array.from({ length: count }, async () => {
          const client = await RawClient.connect(gateway.port)
          await client.request('apiVersions', 0, {})
          return client
        }),
      )
      await neighbours.goOn(10)
      await Promise.all(clients.map(({ closed }) => closed))
      const { nodes } = await gateway.waitFor('all are closed', ({ nodes }) => {
        return nodes['gw-test']!.closed.idle === count
      })
      assert.equal(nodes['gw-test']!.connections, 2, 'the neighbours')
    })
  })

  test('clients that send without end are read ahead by limits.pipelined, and lose nothing', async () => {
    const count = 10_000
    const spec: ProducerSpec = {
      name: 'rdkafka',
      bootstrap: '',
      properties: {
        'max.in.flight.requests.per.connection': '1000000',
        'linger.ms': '0',
        'batch.num.messages': '1',
      },
      generate: { topics: ['ahead-rdkafka'], count: 2000 },
    }
    await withNeighbours({ pipelined: 100 }, async (gateway) => {
      const client = await RawClient.connect(gateway.port)
      const first = await produce(client, 'ahead', 0, plainBatch('first'))
      const rdkafka = await startPythonProducer({ ...spec, bootstrap: gateway.bootstrap })
      await rdkafka.waitForOutcomes(10)
      cluster.brokers[0]!.pause()
      const answers: Promise<Buffer>[] = []
      for (let i = 1; i <= count; i++) {
        client.send(client.encode('produce', 9, body('ahead', 0, plainBatch(`ahead ${i}.`))))
        answers.push(client.frame(120_000))
      }
      const until = Date.now() + 2000
      let most = 0
      while (Date.now() < until) {
        most = Math.max(most, (await node(gateway)).unanswered)
        await pause(100)
      }
      cluster.brokers[0]!.resume()
      // One raw client, two neighbours with one request each, librdkafka with its two connections.
      assert.ok(most >= 100 && most <= 100 + 2 + 200, `${most} unanswered`)
      const frames = await Promise.all(answers)
      assert.deepEqual(
        frames.map((frame) => frame.readInt32BE(0)),
        frames.map((_, i) => i + 2),
        'answers in the order of the requests',
      )
      await client.close()
      const outcomes = await rdkafka.finish()
      assert.ok(outcomes.every(({ error }) => error === null))
      const { reservedPeak } = await node(gateway)
      assert.ok(reservedPeak < 4 * 1024 * KIB, `${reservedPeak} bytes were reserved`)
      const stored = await readBatches(brokerPort(), 'ahead', 0)
      assert.equal(stored.length, Number(first) + 1 + count)
      for (let i = 1; i <= count; i++)
        assert.ok(stored[i]!.includes(`ahead ${i}.`), `batch ${i} in its place`)
      const records = await readLog(cluster.bootstrap, ['ahead-rdkafka'])
      assertCriterion([ledgerOf(spec, outcomes, { idempotent: true, ordered: true })], {
        clusters: { c: records },
      })
    })
  })

  test('a flood before a stopped cluster stays within limits.memory, and is stored when it goes on', async () => {
    // Three times what the node may hold.
    const clients = 50
    const each = 16
    await withNeighbours({ memory: '16MiB', maxFrameBytes: '128KiB' }, async (gateway) => {
      cluster.brokers[0]!.pause()
      const value = Buffer.alloc(60 * KIB, 'f').toString()
      const sent = Array.from({ length: clients }, async (_, i) => {
        const client = await RawClient.connect(gateway.port)
        const one = () => produce(client, 'flood', i % 4, plainBatch(value))
        await Promise.all(Array.from({ length: each }, one))
        await client.close()
      })
      await gateway.waitFor('some are not read', ({ nodes }) => nodes['gw-test']!.pausedConnections > 0)
      await pause(1000)
      cluster.brokers[0]!.resume()
      await Promise.all(sent)
      const { nodes } = await gateway.waitFor('overload closed nobody', ({ nodes }) => {
        return nodes['gw-test']!.closed.client_closed === clients
      })
      const { reservedPeak, memoryBudget } = nodes['gw-test']!
      assert.equal(memoryBudget, 16 * 1024 * KIB)
      assert.ok(reservedPeak > memoryBudget / 2 && reservedPeak <= memoryBudget, `${reservedPeak} bytes`)
    })
    const ends = await endOffsets(brokerPort(), 'flood')
    assert.equal(
      [...ends.values()].reduce((sum, end) => sum + end, 0n),
      BigInt(clients * each),
    )
  })

  test('connections that reach limits.connectionMaxAge are replaced without an error', async () => {
    await withGateway({ connectionMaxAge: '1s' }, async (gateway) => {
      const spec = (name: string, properties: Record<string, string> = {}): ProducerSpec => ({
        name,
        bootstrap: gateway.bootstrap,
        properties,
        generate: { topics: ['age'], perSecond: 100, count: 500 },
      })
      const producers = await Promise.all([
        startJavaProducer(spec('java')),
        startPythonProducer(spec('rdkafka', { 'enable.idempotence': 'true' })),
        startKafkajsProducer(spec('kafkajs')),
      ])
      const ledgers = []
      for (const producer of producers) {
        const outcomes = await producer.finish()
        assert.deepEqual(
          outcomes.filter(({ error }) => error !== null),
          [],
          producer.spec.name,
        )
        ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent: true, ordered: true }))
      }
      assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['age']) } })
      const { closed } = await node(gateway)
      assert.ok(closed.max_age! >= 9, `${closed.max_age} connections were replaced`)
    })
  })
})
