import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type BatchRecord, batch, type Codec, plainBatch } from '#test/support/batches.ts'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { type LogRecord, produceJava, readLog, startJavaProducer } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { produceKafkajs, startKafkajsProducer } from '#test/support/kafkajs-client.ts'
import {
  base64,
  type Outcome,
  type ProducerSpec,
  type RecordSpec,
  readGeneratedValue,
  sentRecords,
} from '#test/support/producer-spec.ts'
import { producePython, startPythonProducer } from '#test/support/python-client.ts'
import { endOffset, readBatches, withClient } from '#test/support/raw-client.ts'

/** The kit that all end-to-end tests stand on, against a real cluster and without a gateway. */

const CLIENTS = {
  java: { produce: produceJava, start: startJavaProducer },
  java39: {
    produce: (spec: ProducerSpec) => produceJava(spec, '3.9.2'),
    start: (spec: ProducerSpec) => startJavaProducer(spec, '3.9.2'),
  },
  librdkafka: { produce: producePython, start: startPythonProducer },
  kafkajs: { produce: produceKafkajs, start: startKafkajsProducer },
}
type ClientName = keyof typeof CLIENTS
const NAMES = Object.keys(CLIENTS) as ClientName[]
const IDEMPOTENT = { 'enable.idempotence': 'true' }

describe('the kit', () => {
  let cluster: KafkaCluster
  let bootstrap: string

  before(async () => {
    cluster = await startCluster({
      version: '4.4.0',
      properties: { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' },
    })
    bootstrap = cluster.bootstrap
  })
  after(() => cluster?.close())

  async function newTopic(topic: string, partitions = 2): Promise<string> {
    await cluster.createTopics([{ topic, partitions }])
    return topic
  }

  for (const name of NAMES) {
    test(`${name}: what is read back is what was sent, in every part`, async () => {
      const topic = await newTopic(`parts-${name}`)
      const records = name === 'kafkajs' ? PLAIN_PARTS : [...PLAIN_PARTS, ...RARE_PARTS]
      const spec = { name, bootstrap, records: records.map((record) => ({ topic, ...record })) }
      const outcomes = await CLIENTS[name].produce(spec)
      const log = await readLog(bootstrap, [topic])
      assertSame(spec, outcomes, log)
      assertCriterion([ledgerOf(spec, outcomes)], { clusters: { one: log } })
    })

    test(`${name}: generated records`, async () => {
      const topics = [await newTopic(`gen-a-${name}`), await newTopic(`gen-b-${name}`)]
      const generate = { topics, count: 300, partitions: 2, valueBytes: 200 }
      const spec = { name, bootstrap, properties: IDEMPOTENT, generate }
      const outcomes = await CLIENTS[name].produce(spec)
      assert.equal(outcomes.length, 300)
      const log = await readLog(bootstrap, topics)
      assertSame(spec, outcomes, log)
      for (const { value, topic } of log) {
        assert.equal(value!.length, 200)
        assert.equal(readGeneratedValue(value!)?.topic, topic)
      }
      assertCriterion([ledgerOf(spec, outcomes)], { clusters: { one: log } })
    })

    test(`${name}: goes on until its stdin closes`, async () => {
      const topic = await newTopic(`steady-${name}`)
      const spec = { name, bootstrap, properties: IDEMPOTENT, generate: { topics: [topic], perSecond: 200 } }
      const producer = await CLIENTS[name].start(spec)
      await producer.waitForOutcomes(40)
      const outcomes = await producer.finish()
      assert.equal(producer.done!.sent, outcomes.length)
      const logs = { clusters: { one: await readLog(bootstrap, [topic]) } }
      assertCriterion([ledgerOf(spec, outcomes, { count: producer.done!.sent })], logs)
      assert.equal(logs.clusters.one.length, outcomes.length)
    })

    test(`${name}: a refused record tells the broker's code, and acks=0 tells no offset`, async () => {
      const topic = `small-${name}`
      await cluster.createTopics([{ topic, partitions: 1, config: { 'max.message.bytes': '500' } }])
      const records = [
        { topic, value: base64('fits') },
        { topic, value: base64('x'.repeat(1000)) },
      ]
      // One record per batch, so that the second does not take the first with it.
      const properties = { 'max.in.flight.requests.per.connection': '1', retries: '0', ...lingerOf(name) }
      const spec = { name, bootstrap, properties, records }
      const outcomes = byId(await CLIENTS[name].produce(spec))
      assert.deepEqual(
        outcomes.map(({ code, offset }) => [code, offset]),
        [
          [null, 0],
          [10, -1],
        ],
      )
      assert.match(outcomes[1]!.error!, /TOO_?LARGE/i)
      const careless = { ...spec, properties: { acks: '0' }, records: records.slice(0, 1) }
      const [fate] = await CLIENTS[name].produce(careless)
      assert.deepEqual([fate!.error, fate!.offset], [null, -1])
    })
  }

  test('librdkafka says what it found out', async () => {
    const topic = await newTopic('debug')
    const records = [{ topic, value: base64('v') }]
    const producer = await startPythonProducer({
      name: 'd',
      bootstrap,
      properties: { debug: 'feature' },
      records,
    })
    await producer.finish()
    assert.match(producer.log(), /Feature MsgVer2/)
  })

  test('a producer that cannot start is an error with its reason', async () => {
    const spec = { name: 'bad', bootstrap, properties: { 'no.such': '1' }, records: [] }
    await assert.rejects(produceKafkajs(spec), /ended too early.*no\.such/s)
    await assert.rejects(producePython(spec), /ended too early.*no\.such/s)
    await assert.rejects(produceJava({ ...spec, properties: { acks: 'some' } }), /ended too early.*acks/s)
  })

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] satisfies Codec[]) {
    test(`a batch built by hand, ${codec}, is stored as it is and read by Kafka's consumer`, async () => {
      const topic = await newTopic(`hand-${codec}`, 1)
      const { port } = cluster.brokers[0]!
      const built = [
        batch({ records: HAND_MADE, codec, producerId: 2n ** 62n, baseSequence: 5 }),
        plainBatch('second', 3, { codec }),
      ]
      for (const records of built) assert.equal(await produceRaw(port, topic, records), 0)
      const stored = await readBatches(port, topic, 0)
      assert.deepEqual(stored.map(behindEpoch), built.map(behindEpoch))
      assert.equal(await endOffset(port, topic, 0), BigInt(HAND_MADE.length + 3))
      const log = await readLog(bootstrap, [topic])
      assert.deepEqual(log.slice(0, HAND_MADE.length).map(contentOf), HAND_MADE.map(handMade))
      assert.equal(log.at(-1)!.value!.toString(), 'second2')
    })
  }

  test('what is overridden in a batch reaches the broker', async () => {
    const topic = await newTopic('wrong', 1)
    const { port } = cluster.brokers[0]!
    const send = (override: object): Promise<number> =>
      produceRaw(port, topic, plainBatch('v', 2, { override }))
    assert.equal(await send({ crc: 1 }), 2)
    assert.equal(await send({ magic: 3 }), 2)
    assert.equal(await send({ count: 1 }), 87)
    assert.equal(await send({}), 0)
  })

  test('partitions are added, topics are deleted', async () => {
    const topic = await newTopic('grows', 1)
    const { port } = cluster.brokers[0]!
    await cluster.addPartitions(topic, 3)
    assert.equal(await produceRaw(port, topic, plainBatch('v'), 2), 0)
    await cluster.deleteTopics([topic])
    await assert.rejects(endOffset(port, topic, 0))
  })

  test('a broker pauses, dies and comes back with its data', async () => {
    const topic = await newTopic('survivor', 1)
    const broker = cluster.brokers[0]!
    assert.equal(await produceRaw(broker.port, topic, plainBatch('kept')), 0)
    broker.pause()
    const late = withClient(broker.port, (client) => client.request('metadata', 4, { topics: [] }, 300))
    await assert.rejects(late, /no answer in 300 ms/)
    broker.resume()
    const { pid } = broker
    await broker.kill()
    assert.equal(broker.isRunning, false)
    await broker.restart()
    assert.notEqual(broker.pid, pid)
    await broker.restart()
    const log = await readLog(bootstrap, [topic])
    assert.deepEqual(
      log.map(({ value }) => value!.toString()),
      ['kept0'],
    )
  })
})

const DAY = 1_790_000_000_000
const PLAIN_PARTS: Omit<RecordSpec, 'topic'>[] = [
  { value: base64('only a value') },
  { key: base64('k'), value: base64('keyed'), partition: 1, timestamp: DAY },
  { key: base64('gone'), value: null, timestamp: DAY + 1 },
  { key: '', value: '', partition: 0, headers: [['h', base64('empty key and value')]] },
  {
    value: base64('twice'),
    headers: [
      ['h', base64('1')],
      ['h', base64('2')],
      ['ü', ''],
    ],
  },
  { value: '/wCAwyg=', partition: 0, timestamp: DAY - 5 },
]
/** What kafkajs cannot say. */
const RARE_PARTS: Omit<RecordSpec, 'topic'>[] = [
  {
    value: base64('null header'),
    headers: [
      ['h', null],
      ['h', ''],
    ],
  },
  {
    value: base64('mixed'),
    headers: [
      ['a', base64('1')],
      ['b', base64('2')],
      ['a', base64('3')],
    ],
  },
]
const HAND_MADE: BatchRecord[] = [
  {
    key: 'k',
    value: 'v',
    headers: [
      ['h', Buffer.from('1')],
      ['h', null],
    ],
  },
  { key: 'gone', value: null, timestampDelta: 3 },
  { key: null, value: Buffer.alloc(100_000, 'long'), timestampDelta: 70_000 },
]

/** Every acknowledged record lies at its partition and offset with the bytes that were sent. */
function assertSame(spec: ProducerSpec, outcomes: Outcome[], log: LogRecord[]): void {
  const sent = sentRecords(spec)
  assert.equal(log.length, sent.length)
  for (const outcome of outcomes) {
    assert.equal(outcome.error, null)
    const { topic, partition, offset } = outcome
    const found = log.find(
      (each) => each.topic === topic && each.partition === partition && each.offset === offset,
    )
    const wanted = sent[outcome.id]!
    assert.deepEqual(contentOf(found!), contentOf(wanted))
    assert.equal(found!.topic, wanted.topic)
    if (wanted.partition !== null) assert.equal(found!.partition, wanted.partition)
    if (wanted.timestamp !== null) assert.equal(found!.timestamp, wanted.timestamp)
  }
}

type Content = Pick<LogRecord, 'key' | 'value' | 'headers'>

function contentOf({ key, value, headers }: Content): Content {
  return { key, value, headers }
}

function handMade({ key, value, headers }: BatchRecord): Content {
  const bytes = (content: Buffer | string | null | undefined): Buffer | null =>
    content == null ? null : Buffer.from(content)
  return { key: bytes(key), value: bytes(value), headers: headers ?? [] }
}

function byId(outcomes: Outcome[]): Outcome[] {
  return outcomes.toSorted((a, b) => a.id - b.id)
}

/** kafkajs sends each record by itself anyway. */
function lingerOf(name: ClientName): Record<string, string> {
  if (name === 'kafkajs') return {}
  return name === 'librdkafka' ? { 'linger.ms': '0', 'batch.num.messages': '1' } : { 'batch.size': '0' }
}

/** What the broker leaves alone: it sets the base offset and the leader epoch. */
function behindEpoch(bytes: Buffer): Buffer {
  return bytes.subarray(16)
}

async function produceRaw(port: number, topic: string, records: Buffer, index = 0): Promise<number> {
  const answer = await withClient(port, (client) =>
    client.request('produce', 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index, records }] }],
    }),
  )
  return answer.responses[0]!.partitionResponses[0]!.errorCode
}
