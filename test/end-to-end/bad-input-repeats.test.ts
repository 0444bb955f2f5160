import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { apis } from '#protocol/apis.ts'
import { plainBatch } from '#test/support/batches.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { badBatches, badStarts, declaring } from '#test/support/hostile.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { Neighbours, residentBytes } from '#test/support/neighbours.ts'
import { endOffset, RawClient, withClient } from '#test/support/raw-client.ts'

const KIB = 1024
const MIB = 1024 * KIB
const MAX_FRAME = 16 * MIB
const REPEATS = 10_000
/** Generous: a worker's heap breathes by some ten MiB. */
const GROWTH = 100 * MIB

/** Wrong input again and again, and in masses: nothing of it stays, and nothing of it costs what it declares. */
describe('bad input, repeated', () => {
  let cluster: KafkaCluster
  let gateway: Gateway
  let neighbours: Neighbours

  before(async () => {
    cluster = await startCluster({ version: '4.4.0' })
    await cluster.createTopics([
      { topic: 't', partitions: 3 },
      { topic: 'cut', partitions: 1 },
    ])
    gateway = await startGateway({
      clusters: { c: cluster.bootstrap },
      routes: { t: 'c', cut: 'c' },
      settings: {
        node: { id: 'gw-test', workers: 2 },
        limits: { memory: '512MiB', maxFrameBytes: '16MiB', firstFrameBytes: '16MiB' },
      },
    })
    neighbours = await Neighbours.start(gateway.port, [
      ['t', 0],
      ['t', 0],
      ['t', 1],
      ['t', 2],
    ])
    await neighbours.goOn(20)
  })
  after(async () => {
    await gateway?.close()
    await cluster?.close()
  })

  const brokerPort = () => cluster.brokers[0]!.port

  /** What the neighbours have under way does not count. */
  const atRest = (what: string) =>
    gateway.waitFor(what, ({ nodes }) => {
      const { connections, reservedBytes } = nodes['gw-test']!
      return connections === 4 && reservedBytes < 16 * KIB
    })

  /** Runs `work` for 0 to `count` - 1, sixteen at a time. */
  async function repeat(count: number, work: (i: number) => Promise<void>): Promise<void> {
    let next = 0
    const one = async () => {
      while (next < count) await work(next++)
    }
    await Promise.all(Array.from({ length: 16 }, one))
  }

  const body = (topic: string, records: Buffer | null) => ({
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  })

  test('a Produce cut at every byte is never passed on; one that arrives in two pieces always is', async () => {
    let length = 0
    await withClient(gateway.port, async (client) => {
      length = client.encode('produce', 9, body('cut', plainBatch('cut'))).length
    })
    await repeat(2 * length, async (i) => {
      const client = await RawClient.connect(gateway.port)
      const frame = client.encode('produce', 9, body('cut', plainBatch('cut')))
      client.send(frame.subarray(0, i >> 1))
      if (i % 2 === 0) client.socket.end()
      else {
        await nextTurn()
        client.socket.resetAndDestroy()
      }
      await client.closed
    })
    await repeat(length, async (i) => {
      await withClient(gateway.port, async (client) => {
        const frame = client.encode('produce', 9, body('cut', plainBatch(`whole ${i}`)))
        client.send(frame.subarray(0, i))
        await nextTurn()
        client.send(frame.subarray(i))
        assert.equal((await client.frame()).readInt32BE(0), 1)
      })
    })
    await atRest('no connection is left')
    assert.equal(await endOffset(brokerPort(), 'cut', 0), BigInt(length))
  })

  test('a declared length that never comes reserves 64 KiB at most', async () => {
    const before = residentBytes(gateway.running.pid)
    const produceHeader = Buffer.of(0, 0, 0, 9, 0, 0, 0, 1)
    const cases: [count: number, declared: number, reading: number][] = [
      [500, MIB, 500],
      // Over 1 MiB only `limits.largeFrames` are read at once; the others wait unread.
      [500, MAX_FRAME, 8],
    ]
    for (const [count, declared, reading] of cases) {
      const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(gateway.port)))
      for (const client of clients) client.send(Buffer.concat([declaring(declared), produceHeader]))
      const least = reading * 64 * KIB
      const { nodes } = await gateway.waitFor('all are read that may be', ({ nodes }) => {
        const { connections, reservedBytes } = nodes['gw-test']!
        return connections === count + 4 && reservedBytes >= least
      })
      await neighbours.goOn(50)
      const { reservedBytes } = nodes['gw-test']!
      assert.ok(reservedBytes <= least + 16 * KIB, `${reservedBytes} bytes are reserved`)
      await Promise.all(clients.map((client) => client.close()))
      await atRest('nothing is reserved any more')
    }
    const grown = residentBytes(gateway.running.pid) - before
    assert.ok(grown < GROWTH, `${Math.round(grown / MIB)} MiB more`)
  })

  test('millions of empty topics in the largest frame are refused before they are read', async () => {
    const before = residentBytes(gateway.running.pid)
    const count = MAX_FRAME / 2 - 20
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.connect(gateway.port)
      const frame = Buffer.alloc(4 + MAX_FRAME)
      frame.writeInt32BE(MAX_FRAME, 0)
      frame.writeInt16BE(apis.metadata.key, 4)
      frame.writeInt16BE(1, 6)
      frame.writeInt16BE(-1, 12)
      frame.writeInt32BE(count, 14)
      client.send(frame)
      await client.closed
    }
    await gateway.running.waitForLine(/"reason":"bad_request","detail":".*8388588 array elements/, 10_000)
    const grown = residentBytes(gateway.running.pid) - before
    assert.ok(grown < GROWTH, `${Math.round(grown / MIB)} MiB more`)
  })

  test('the most topics allowed are answered, each once', async () => {
    const topics = Array.from({ length: 100_000 }, (_, i) => ({ name: `unrouted.${i >> 1}` }))
    await withClient(gateway.port, async (client) => {
      const answer = await client.request('metadata', 4, { topics, allowAutoTopicCreation: false })
      assert.equal(answer.topics.length, 50_000)
      assert.ok(answer.topics.every(({ errorCode }) => errorCode === 17))
    })
  })

  test(`${REPEATS} pieces of bad input of every kind: nothing stays behind`, async () => {
    const starts = badStarts(MAX_FRAME, MAX_FRAME).filter(({ reason }) => reason !== 'bad_first_frame')
    const batches = badBatches().filter(
      ({ records, compacted }) => !compacted && (records?.length ?? 0) < 64 * KIB,
    )
    const kinds: ((i: number) => Promise<void>)[] = [
      async (i) => {
        const client = await RawClient.connect(gateway.port)
        client.send(starts[i % starts.length]!.bytes)
        await client.closed
      },
      async (i) => {
        const { name, records, codes } = batches[i % batches.length]!
        await withClient(gateway.port, async (client) => {
          const answer = await client.request('produce', 9, body('t', records))
          const { errorCode } = answer.responses[0]!.partitionResponses[0]!
          assert.ok(codes.includes(errorCode), `${name}: ${errorCode}`)
        })
      },
      async (i) => {
        const client = await RawClient.connect(gateway.port)
        client.send(client.encode('produce', 9, body('t', plainBatch('half'))).subarray(0, 1 + (i % 100)))
        client.socket.end()
        await client.closed
      },
    ]
    await repeat(REPEATS / 10, (i) => kinds[i % kinds.length]!(i))
    const before = residentBytes(gateway.running.pid)
    await repeat(REPEATS, (i) => kinds[i % kinds.length]!(i))
    await neighbours.goOn(20)
    await neighbours.finish(brokerPort())
    const state = await gateway.waitFor('nothing is held', ({ nodes, clusters }) => {
      const { connections, reservedBytes, unanswered } = nodes['gw-test']!
      return connections + reservedBytes + unanswered + clusters.c!.waiting === 0
    })
    const grown = residentBytes(gateway.running.pid) - before
    assert.ok(grown < GROWTH, `${Math.round(grown / MIB)} MiB more`)
    const { closed, reservedPeak, memoryBudget } = state.nodes['gw-test']!
    assert.equal(closed.internal_error ?? 0, 0)
    assert.ok(reservedPeak <= memoryBudget)
    assert.ok(!gateway.log().includes('a worker died'))
  })
})
