import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { batch, type Codec, plainBatch } from '#test/support/batches.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { endOffset, RawClient, readBatches, withClient } from '#test/support/raw-client.ts'

const CODECS: Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

describe('batches on their way through', () => {
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

  const brokerPort = () => cluster.brokers[0]!.port
  const produceBody = (topic: string, records: Buffer, acks = -1) => ({
    transactionalId: null,
    acks,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })

  for (const codec of CODECS) {
    test(`${codec}: the stored batch equals the sent one from byte 21 on, at the offset the ack names`, async () => {
      const topic = `t.identity.${codec}`
      await cluster.createTopics([{ topic, partitions: 1 }])
      const sent = [1, 3, 400].map((count) =>
        plainBatch(`${codec}-${count}-`, count, { codec, producerId: (1n << 62n) | BigInt(count) }),
      )
      const offsets: bigint[] = []
      await withClient(gateway.port, async (client) => {
        for (const records of sent) {
          const answer = await client.request('produce', 9, produceBody(topic, records))
          const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
          assert.equal(errorCode, 0)
          offsets.push(baseOffset)
        }
      })
      const stored = await readBatches(brokerPort(), topic, 0)
      assert.deepEqual(
        stored.map((bytes) => bytes.readBigInt64BE(0)),
        offsets,
      )
      for (const [i, bytes] of stored.entries()) {
        assert.ok(bytes.subarray(21).equals(sent[i]!.subarray(21)), `batch ${i}`)
      }
    })
  }

  test('every version of Produce that is served carries the same batch', async () => {
    const topic = 't.versions'
    await cluster.createTopics([{ topic, partitions: 1 }])
    for (let version = 3; version <= 12; version++) {
      await withClient(gateway.port, async (client) => {
        const answer = await client.request(
          'produce',
          version,
          produceBody(topic, plainBatch(`v${version}-`)),
        )
        const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
        assert.deepEqual([errorCode, baseOffset], [0, BigInt(version - 3)])
      })
    }
    assert.equal((await readBatches(brokerPort(), topic, 0)).length, 10)
  })

  test('1,000 acks=0 batches and the connection closed at once: all are stored', async () => {
    const topic = 't.unacknowledged'
    await cluster.createTopics([{ topic, partitions: 1 }])
    const client = await RawClient.connect(gateway.port)
    for (let i = 0; i < 1000; i++) client.post('produce', 9, produceBody(topic, plainBatch(`r${i}-`), 0))
    client.socket.end()
    await client.closed
    await gateway.waitFor('1,000 acks', ({ clusters }) => clusters.c!.waiting === 0)
    assert.equal(await endOffset(brokerPort(), topic, 0), 1000n)
    const stored = await readBatches(brokerPort(), topic, 0)
    for (const [i, bytes] of stored.entries()) assert.ok(bytes.includes(`r${i}-0`), `batch ${i} in its place`)
  })

  test('acks=0 to a topic without a route closes the connection after the answers before it', async () => {
    const topic = 't.before'
    await cluster.createTopics([{ topic, partitions: 1 }])
    await withClient(gateway.port, async (client) => {
      const first = client.request('produce', 9, produceBody(topic, plainBatch('a')))
      client.post('produce', 9, produceBody('unrouted', plainBatch('b'), 0))
      assert.equal((await first).responses[0]!.partitionResponses[0]!.errorCode, 0)
      await client.closed
    })
  })

  test('one bad batch fails alone, in the request and in its window', async () => {
    const topic = 't.poison'
    await cluster.createTopics([{ topic, partitions: 3 }])
    const good = plainBatch('good-')
    const broken = Buffer.from(plainBatch('broken-'))
    broken[70]! ^= 1
    const answer = await withClient(gateway.port, (client) =>
      client.request('produce', 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: topic,
            partitionData: [
              { index: 0, records: good },
              { index: 1, records: broken },
              { index: 2, records: batch({ records: [{ value: 'x' }], override: { count: 7 } }) },
            ],
          },
          { name: 'unrouted', partitionData: [{ index: 0, records: good }] },
        ],
      }),
    )
    const codes = answer.responses.map(({ name, partitionResponses }) => [
      name,
      Object.fromEntries(partitionResponses.map(({ index, errorCode }) => [index, errorCode])),
    ])
    assert.deepEqual(codes, [
      [topic, { 0: 0, 1: 2, 2: 87 }],
      ['unrouted', { 0: 17 }],
    ])
    assert.equal(await endOffset(brokerPort(), topic, 0), 1n)
    assert.equal(await endOffset(brokerPort(), topic, 1), 0n)
  })

  test('one partition listed twice is refused, not lost', async () => {
    const topic = 't.twice'
    await cluster.createTopics([{ topic, partitions: 2 }])
    const answer = await withClient(gateway.port, (client) =>
      client.request('produce', 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: topic,
            partitionData: [
              { index: 0, records: plainBatch('one') },
              { index: 1, records: plainBatch('other') },
              { index: 0, records: plainBatch('two') },
            ],
          },
        ],
      }),
    )
    const { partitionResponses } = answer.responses[0]!
    assert.deepEqual(
      partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
      [
        [0, 42],
        [1, 0],
      ],
    )
    assert.equal(await endOffset(brokerPort(), topic, 0), 0n)
  })

  test('a partition that does not exist is answered 3, and a new one is found', async () => {
    const topic = 't.grows'
    await cluster.createTopics([{ topic, partitions: 1 }])
    const send = (index: number) =>
      withClient(gateway.port, async (client) => {
        const answer = await client.request('produce', 9, {
          transactionalId: null,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: topic, partitionData: [{ index, records: plainBatch(`p${index}-`) }] }],
        })
        return answer.responses[0]!.partitionResponses[0]!.errorCode
      })
    assert.equal(await send(0), 0)
    assert.equal(await send(1), 3)
    await cluster.addPartitions(topic, 2)
    assert.equal(await send(1), 0)
  })
})
