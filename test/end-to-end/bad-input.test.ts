import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apis } from '#protocol/apis.ts'
import { decodeResponse } from '#protocol/header.ts'
import { produceResponse } from '#protocol/messages/00-produce.ts'
import { plainBatch } from '#test/support/batches.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { type BadBatch, badBatches, badStarts } from '#test/support/hostile.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { Neighbours } from '#test/support/neighbours.ts'
import { endOffset, RawClient, type ResponseBody, readBatches, withClient } from '#test/support/raw-client.ts'

const MAX_FRAME = 2 * 1024 * 1024
const FIRST_FRAME = 256 * 1024
type Entry = [topic: string, index: number, records: Buffer | null]

/**
 * Every wrong batch and every wrong frame, in a window that good batches of other clients wait in: whoever
 * sends it is told, nobody else notices.
 */
describe('bad input beside good', () => {
  let cluster: KafkaCluster
  let gateway: Gateway
  let neighbours: Neighbours

  before(async () => {
    cluster = await startCluster({ version: '4.4.0' })
    await cluster.createTopics([
      { topic: 't', partitions: 3 },
      { topic: 'u', partitions: 1 },
      { topic: 't.compact', partitions: 2, config: { 'cleanup.policy': 'compact' } },
    ])
    await cluster.createTopics([{ topic: '__consumer_offsets', partitions: 1 }])
    gateway = await startGateway({
      clusters: { c: cluster.bootstrap },
      routes: { t: 'c', u: 'c', __: 'c' },
      settings: {
        node: { id: 'gw-test', workers: 2 },
        clusters: [
          // One lane per worker and a window that stays open: bad and good are gathered together.
          { name: 'c', bootstrapServers: [cluster.bootstrap], window: { linger: '5ms', lanes: 2 } },
        ],
        limits: {
          maxFrameBytes: '2MiB',
          firstFrameBytes: '256KiB',
          frameTimeout: '1s',
          firstRequestTimeout: '2s',
        },
      },
    })
    const places: [string, number][] = [0, 1, 2, 0, 1, 2].map((partition) => ['t', partition])
    neighbours = await Neighbours.start(gateway.port, [...places, ['u', 0], ['u', 0]])
    await neighbours.goOn(20)
  })
  after(async () => {
    await gateway?.close()
    await cluster?.close()
  })

  const brokerPort = () => cluster.brokers[0]!.port
  const closed = async () => (await gateway.state()).nodes['gw-test']!.closed

  async function send(
    client: RawClient,
    entries: Entry[],
    more: Partial<{ acks: number; version: number }> = {},
  ) {
    const { acks = -1, version = 9 } = more
    const topicData = entries.map(([name, index, records]) => {
      return { name, partitionData: [{ index, records }] }
    })
    const body = { transactionalId: null, acks, timeoutMs: 30_000, topicData }
    return client.request('produce', version, body)
  }

  function codesOf({ responses }: ResponseBody<'produce'>): number[] {
    return responses.flatMap(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode))
  }

  /** Between two good ones, and before them. */
  async function sendAmongGood({ name, records, codes, recordErrors, compacted }: BadBatch): Promise<void> {
    const bad: Entry = [compacted ? 't.compact' : 't', 1, records]
    const before = plainBatch(`good before ${name} `)
    const behind = plainBatch(`good behind ${name} `)
    await withClient(gateway.port, async (client) => {
      const between = await send(client, [['t', 0, before], bad, ['u', 0, behind]])
      const first = await send(client, [bad, ['t', 2, before], ['u', 0, behind]])
      const [ok1, code1, ok2] = codesOf(between)
      const [code2, ok3, ok4] = codesOf(first)
      assert.deepEqual([ok1, ok2, ok3, ok4], [0, 0, 0, 0], 'the good ones')
      assert.ok(codes.includes(code1!), `${code1} is none of ${codes}`)
      assert.ok(codes.includes(code2!), `${code2} is none of ${codes}`)
      const { recordErrors: told } = between.responses[1]!.partitionResponses[0]!
      assert.equal(told.length > 0, recordErrors ?? false, 'record errors')
    })
  }

  for (const row of badBatches()) {
    test(`batch: ${row.name}: ${row.codes.join(' or ')} for its sender alone`, () => sendAmongGood(row))
  }

  const places: [string, Entry, number][] = [
    ['a partition that does not exist', ['t', 99, plainBatch('x')], 3],
    ['a negative partition', ['t', -1, plainBatch('x')], 3],
    ['a topic that does not exist', ['t.none', 0, plainBatch('x')], 3],
    ['the empty topic name', ['', 0, plainBatch('x')], 3],
    ['a topic name with a slash', ['t/b', 0, plainBatch('x')], 3],
    ['a topic name of 300 characters', ['t'.repeat(300), 0, plainBatch('x')], 3],
    ['an internal topic', ['__consumer_offsets', 0, plainBatch('x')], 17],
    ['a topic without a route', ['nowhere', 0, plainBatch('x')], 17],
  ]
  for (const [name, entry, code] of places) {
    test(`place: ${name}: ${code}`, async () => {
      await withClient(gateway.port, async (client) => {
        const answer = await send(client, [['t', 0, plainBatch(`beside ${name}`)], entry])
        assert.deepEqual(codesOf(answer), [0, code])
        const described = await client.request('metadata', 8, {
          topics: [{ name: entry[0] }],
          allowAutoTopicCreation: false,
        })
        const known = ['t', 't.none'].includes(entry[0])
        assert.equal(described.topics[0]!.errorCode, entry[0] === 't' ? 0 : known ? 3 : 17)
      })
    })
  }

  test('acks 2 and -2: 21 for all, and nothing is stored', async () => {
    const before = await endOffset(brokerPort(), 't.compact', 0)
    await withClient(gateway.port, async (client) => {
      for (const acks of [2, -2]) {
        const entries: Entry[] = [
          ['t.compact', 0, plainBatch('acks')],
          ['t.compact', 0, plainBatch('acks', 1, { producerId: (1n << 62n) | 21n })],
        ]
        for (const entry of entries) assert.deepEqual(codesOf(await send(client, [entry], { acks })), [21])
      }
    })
    assert.equal(await endOffset(brokerPort(), 't.compact', 0), before)
  })

  test('a partition listed twice: 42 once, also of an idempotent producer, and behind it no hole', async () => {
    const before = await endOffset(brokerPort(), 't.compact', 1)
    const producerId = (1n << 62n) | 42n
    const one = (baseSequence: number) => plainBatch('twice', 1, { producerId, baseSequence })
    await withClient(gateway.port, async (client) => {
      const twice = {
        transactionalId: null,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: 't.compact',
            partitionData: [
              { index: 1, records: one(0) },
              { index: 1, records: one(1) },
            ],
          },
        ],
      }
      const answer = await client.request('produce', 9, twice)
      assert.deepEqual(
        answer.responses.map(({ partitionResponses }) =>
          partitionResponses.map(({ errorCode }) => errorCode),
        ),
        [[42]],
      )
      assert.deepEqual(codesOf(await send(client, [['t.compact', 1, one(1)]])), [19])
    })
    assert.equal(await endOffset(brokerPort(), 't.compact', 1), before)
  })

  test('bytes behind the body are ignored, a transactional id with plain batches too', async () => {
    await withClient(gateway.port, async (client) => {
      const body = {
        transactionalId: 'tx',
        acks: -1,
        timeoutMs: 30_000,
        topicData: [{ name: 't', partitionData: [{ index: 0, records: plainBatch('trailing') }] }],
      }
      const frame = Buffer.concat([client.encode('produce', 9, body), Buffer.alloc(7, 0xee)])
      frame.writeInt32BE(frame.length - 4, 0)
      client.send(frame)
      const answer = decodeResponse(apis.produce, produceResponse, 9, await client.frame())
      assert.deepEqual(codesOf(answer), [0])
      assert.equal((await client.request('apiVersions', 0, {})).errorCode, 0)
    })
  })

  test('acks=0: a bad batch closes the connection, the good one beside it is stored', async () => {
    const bad: Entry[] = [
      ['t', 1, plainBatch('crc', 1, { override: { crc: 1 } })],
      ['t', 1, null],
      ['t.none', 0, plainBatch('x')],
      ['t', 99, plainBatch('x')],
      ['t', 1, plainBatch('gzip', 1, { payload: Buffer.from('noise'), override: { attributes: 1 } })],
    ]
    for (const [i, [topic, index, records]] of bad.entries()) {
      const client = await RawClient.connect(gateway.port)
      const topicData = [
        { name: 't', partitionData: [{ index: 0, records: plainBatch(`zero ${i}.`) }] },
        { name: topic, partitionData: [{ index, records }] },
      ]
      client.post('produce', 9, { transactionalId: null, acks: 0, timeoutMs: 30_000, topicData })
      await client.closed
    }
    const stored = await readBatches(brokerPort(), 't', 0)
    for (const i of bad.keys()) {
      assert.equal(stored.filter((bytes) => bytes.includes(`zero ${i}.`)).length, 1, `good one ${i}`)
    }
    assert.ok((await closed()).produce_failed! >= 1)
  })

  const starts = badStarts(MAX_FRAME, FIRST_FRAME)
  for (const { name, bytes, reason, detail } of starts) {
    test(`connection: ${name}: closed, and logged as ${reason}`, async () => {
      const client = await RawClient.connect(gateway.port)
      client.send(bytes)
      await client.closed
      await gateway.running.waitForLine(
        new RegExp(`"reason":"${reason}","detail":".*${detail.source}`),
        10_000,
      )
    })
  }

  test('each of these is counted by its reason', async () => {
    const counts = Object.groupBy(starts, ({ reason }) => reason)
    for (const [reason, rows] of Object.entries(counts)) {
      await gateway.waitFor(reason, ({ nodes }) => nodes['gw-test']!.closed[reason] === rows!.length)
    }
  })

  test('whatever comes before it is answered first', async () => {
    for (const { bytes } of starts.filter(({ reason }) => reason !== 'bad_first_frame')) {
      const client = await RawClient.connect(gateway.port)
      const good = send(client, [['t', 0, plainBatch('before a bad one')]])
      client.send(Buffer.concat([client.encode('apiVersions', 0, {}), bytes]))
      assert.deepEqual(codesOf(await good), [0])
      assert.ok((await client.frame()).length > 0)
      await client.closed
    }
  })

  test('the largest frame allowed is read, and a first request may be anything that is served', async () => {
    await withClient(gateway.port, async (client) => {
      const padding = Buffer.alloc(MAX_FRAME, 1)
      const frame = client.encode('metadata', 4, { topics: [{ name: 'u' }], allowAutoTopicCreation: false })
      // Not as the first: that may be large only if it is a Produce.
      assert.equal((await client.request('initProducerId', 1, { transactionalId: null })).errorCode, 0)
      const largest = Buffer.concat([frame, padding]).subarray(0, 4 + MAX_FRAME)
      largest.writeInt32BE(MAX_FRAME, 0)
      client.send(largest)
      assert.ok((await client.frame()).length > 0)
    })
    await withClient(gateway.port, async (client) => {
      assert.deepEqual(codesOf(await send(client, [['t', 0, plainBatch('first')]])), [0])
    })
  })

  const silences: [string, Buffer, string, string][] = [
    ['nothing', Buffer.alloc(0), 'first_request_timeout', 'no whole request'],
    ['half a length', Buffer.of(0, 0), 'frame_timeout', '2 bytes came'],
    ['half a frame', Buffer.of(0, 0, 1, 0, 0, 0, 0, 9), 'frame_timeout', '8 bytes came'],
  ]
  for (const [name, bytes, reason, said] of silences) {
    test(`${name}, and silence: closed as ${reason}`, async () => {
      const client = await RawClient.connect(gateway.port)
      client.send(bytes)
      await client.closed
      await gateway.running.waitForLine(new RegExp(`"reason":"${reason}".*${said}`), 10_000)
    })
  }

  test('half a frame after good ones, and silence: closed as frame_timeout', async () => {
    const before = (await closed()).frame_timeout ?? 0
    const client = await RawClient.connect(gateway.port)
    assert.deepEqual(codesOf(await send(client, [['t', 0, plainBatch('then half')]])), [0])
    client.send(Buffer.of(0, 0, 1, 0, 0, 0, 0, 9))
    await client.closed
    await gateway.waitFor('counted', ({ nodes }) => nodes['gw-test']!.closed.frame_timeout! > before)
  })

  test('all the while the neighbours were served, in windows that they shared', async () => {
    await neighbours.goOn(20)
    await neighbours.finish(brokerPort())
    const state = await gateway.waitFor('nothing is held', ({ nodes, clusters }) => {
      const { connections, reservedBytes, unanswered } = nodes['gw-test']!
      return connections === 0 && reservedBytes === 0 && unanswered === 0 && clusters.c!.waiting === 0
    })
    assert.ok(state.clusters.c!.batchesPerSubmission > 1.5, `${state.clusters.c!.batchesPerSubmission}`)
    assert.equal(state.nodes['gw-test']!.closed.internal_error ?? 0, 0)
    assert.ok(!gateway.log().includes('a worker died'))
    const stored = await readBatches(brokerPort(), 't', 1)
    for (const { name, codes } of badBatches().filter(({ codes }) => !codes.includes(0))) {
      assert.ok(!stored.some((bytes) => bytes.includes(`${name} 0`)), `${name} (${codes}) is stored`)
    }
  })
})
