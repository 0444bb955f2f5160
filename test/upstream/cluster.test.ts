import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { apis } from '#protocol/apis.ts'
import { finishRequestHeader } from '#protocol/header.ts'
import { metadataRequest } from '#protocol/messages/03-metadata.ts'
import { Reader } from '#protocol/reader.ts'
import { createLog } from '#telemetry/log.ts'
import { ledBy, StubBroker, until } from '#test/upstream/stub-broker.ts'
import { Cluster, type ClusterOptions } from '#upstream/cluster.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })

interface Setup {
  cluster: Cluster
  brokers: StubBroker[]
  learned: { topic: string; errorCode: number; leaders: readonly number[] }[]
  states: string[]
  met: string[]
}

/** A cluster of so many brokers, all of them bootstrap servers; it is not connected yet. */
async function setUp(context: TestContext, count = 1, more: Partial<ClusterOptions> = {}): Promise<Setup> {
  const brokers = await Promise.all(Array.from({ length: count }, (_, i) => new StubBroker(i + 1).listen()))
  for (const broker of brokers) broker.peers = brokers
  const [learned, states, met]: [Setup['learned'], string[], string[]] = [[], [], []]
  const cluster: Cluster = new Cluster({
    name: 'eu',
    clientId: 'sluice',
    autoCreateTopics: false,
    log,
    bootstrapServers: brokers.map(({ address }) => address),
    onLeaders: (topic, errorCode, leaders) => learned.push({ topic, errorCode, leaders }),
    onStateChange: () => states.push(cluster.state),
    onMet: (id) => met.push(id),
    ...more,
  })
  context.after(async () => {
    cluster.close()
    await Promise.all(brokers.map((broker) => broker.close()))
  })
  return { cluster, brokers, learned, states, met }
}

async function connected(
  context: TestContext,
  count = 1,
  more: Partial<ClusterOptions> = {},
): Promise<Setup> {
  const setup = await setUp(context, count, more)
  setup.cluster.start()
  await until(() => setup.cluster.brokers.size > 0, 'it is connected')
  return setup
}

describe('a cluster', { concurrency: true }, () => {
  test('is up when a broker has answered, and knows all brokers then', async (context) => {
    const { cluster, brokers, met } = await connected(context, 3)
    assert.equal(cluster.state, 'up')
    assert.deepEqual(
      [...cluster.brokers],
      brokers.map(({ nodeId, address }) => [nodeId, address]),
    )
    assert.deepEqual([cluster.clusterId, met], ['A', ['A']])
  })

  test('is found through any bootstrap server', async (context) => {
    const { cluster, brokers } = await setUp(context, 3)
    await brokers[0]!.close()
    await brokers[1]!.close()
    cluster.start()
    await until(() => cluster.state === 'up', 'it is up')
  })

  test('is connected to again when the connection breaks', async (context) => {
    const { cluster, brokers } = await connected(context)
    for (const socket of brokers[0]!.sockets) socket.destroy()
    await until(() => brokers[0]!.connections === 2, 'it has connected again')
    await until(() => brokers[0]!.sockets.size === 1, 'it is connected')
    assert.deepEqual((await describeSoon(cluster, ['t'])).topics[0]!.partitions.length, 1)
  })

  test('leaves no connection behind when a broker speaks no Metadata that we speak', async (context) => {
    const { cluster, brokers } = await setUp(context)
    brokers[0]!.ranges = { 18: [0, 4] }
    cluster.start()
    await until(() => brokers[0]!.connections >= 3, 'it has tried a few times')
    assert.ok(brokers[0]!.sockets.size <= 1, `${brokers[0]!.sockets.size} sockets are open`)
    assert.match(cluster.reason, /speaks Metadata versions none/)
  })

  test('is down 3 s after the last answer, and up with the next', async (context) => {
    const { cluster, brokers, states } = await connected(context)
    const [broker] = brokers
    await broker!.close()
    const since = performance.now()
    await until(() => cluster.state === 'down', 'it is down')
    const silence = performance.now() - since
    assert.ok(silence > 1900, `down after ${silence} ms: a heartbeat may have been a second ago`)
    assert.match(cluster.reason, /no broker has answered|ECONNREFUSED/)
    await broker!.listen()
    await until(() => cluster.state === 'up', 'it is up again')
    assert.deepEqual(states, ['up', 'down', 'up'])
    assert.equal(cluster.reason, '')
  })

  test('that was never reached is down too, and says why', async (context) => {
    const { cluster, brokers } = await setUp(context)
    await brokers[0]!.close()
    cluster.start()
    await until(() => cluster.state === 'down', 'it is down')
    assert.match(cluster.reason, /ECONNREFUSED/)
  })

  test('stays up while one of its brokers is frozen, and tells the leaders all the same', async (context) => {
    const { cluster, brokers, states, learned } = await connected(context, 3)
    brokers.find(({ sockets }) => sockets.size > 0)!.frozen = true
    cluster.askLeaders('t')
    await until(() => learned.length > 0, 'the leaders are known', 6000)
    assert.deepEqual(states, ['up'])
  })

  test('is found again through the third broker while two are frozen', async (context) => {
    const { cluster, brokers, states, learned } = await connected(context, 3)
    for (const broker of brokers.slice(0, 2)) broker.frozen = true
    cluster.askLeaders('t')
    await until(() => learned.length > 0, 'the leaders are known', 8000)
    assert.ok(states.filter((state) => state === 'down').length <= 1, `${states}`)
    assert.equal(cluster.state, 'up')
  })

  test('asks no more when it is closed', async (context) => {
    const { cluster, brokers } = await connected(context)
    cluster.close()
    await until(() => brokers[0]!.sockets.size === 0, 'the connection is closed')
    await assert.rejects(cluster.describe(['t']), /cannot be reached/)
    await new Promise((resolve) => setTimeout(resolve, 400))
    assert.equal(brokers[0]!.connections, 1)
  })
})

/** It may be between two connections. */
async function describeSoon(cluster: Cluster, topics: string[]) {
  for (let i = 0; ; i++) {
    try {
      return await cluster.describe(topics)
    } catch (error) {
      if (i > 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

describe('the cluster id', { concurrency: true }, () => {
  test('pins: a broker of another cluster is refused, and the state says so', async (context) => {
    const { cluster, states } = await connected(context)
    const stranger = await new StubBroker(9).listen()
    context.after(() => stranger.close())
    stranger.clusterId = 'B'
    await assert.rejects(cluster.open(stranger.address), /belongs to cluster B, not to A/)
    assert.deepEqual(states, ['up', 'degraded'])
    assert.match(cluster.reason, /belongs to cluster B, not to A/)
    await until(() => stranger.sockets.size === 0, 'the connection is closed')
    assert.equal((await cluster.describe(['t'])).topics.length, 1, 'the others serve on')
  })

  test('may come from a sibling, before the first answer', async (context) => {
    const { cluster, brokers, states } = await setUp(context)
    cluster.pin('B')
    cluster.start()
    await until(() => cluster.state === 'degraded', 'it is refused')
    await until(() => brokers[0]!.connections >= 2, 'it is tried again')
    assert.ok(!states.includes('up'))
  })

  test('that a sibling met first goes before one’s own', async (context) => {
    const { cluster, brokers, states } = await connected(context)
    assert.equal(cluster.pin('A'), false, 'the same')
    assert.equal(cluster.pin('B'), true)
    await until(() => brokers[0]!.connections >= 2, 'the connection to the wrong cluster is closed')
    await until(() => cluster.state === 'degraded', 'it is refused from now on')
    assert.deepEqual([cluster.clusterId, states], ['B', ['up', 'degraded']])
  })

  test('is not told by every broker', async (context) => {
    const { cluster, brokers } = await setUp(context)
    brokers[0]!.clusterId = null
    cluster.start()
    await until(() => cluster.state === 'up', 'it is up')
    assert.equal(cluster.clusterId, null)
  })
})

describe('leaders', { concurrency: true }, () => {
  test('are asked for in one request, however many want to know', async (context) => {
    const { cluster, brokers, learned } = await connected(context)
    brokers[0]!.topics = (names) => names!.map((name) => ledBy(name, [1, -1, 2]))
    for (let i = 0; i < 50; i++) cluster.askLeaders(`t${i % 10}`)
    await until(() => new Set(learned.map(({ topic }) => topic)).size === 10, 'all are known')
    assert.ok(brokers[0]!.questions.length <= 2, `${brokers[0]!.questions.length} questions`)
    assert.deepEqual(learned[0], { topic: 't0', errorCode: 0, leaders: [1, -1, 2] })
  })

  test('asked for while nobody is connected are told when somebody is', async (context) => {
    const { cluster, learned } = await setUp(context)
    cluster.askLeaders('t')
    cluster.start()
    await until(() => learned.length === 1, 'they are known')
    assert.deepEqual(learned, [{ topic: 't', errorCode: 0, leaders: [1] }])
  })

  test('a topic’s error is handed on', async (context) => {
    const { cluster, brokers, learned } = await connected(context)
    brokers[0]!.topics = (names) => names!.map((name) => ({ name, errorCode: 3 }))
    cluster.askLeaders('t')
    await until(() => learned.length === 1, 'it is known')
    assert.deepEqual(learned, [{ topic: 't', errorCode: 3, leaders: [] }])
  })

  test('of a broker in trouble are asked for anew, and no others', async (context) => {
    const { cluster, brokers, learned } = await connected(context)
    brokers[0]!.topics = (names) => names!.map((name) => ledBy(name, [name === 'ours' ? 7 : 8]))
    cluster.askLeaders('ours')
    cluster.askLeaders('theirs')
    await until(() => learned.length === 2, 'they are known')
    cluster.noteTrouble(7)
    await until(() => learned.length === 3, 'it is asked anew')
    assert.deepEqual(brokers[0]!.questions.at(-1), ['ours'])
  })

  test('are learned although one topic cannot be asked about', async (context) => {
    const { cluster, learned } = await connected(context)
    cluster.askLeaders('x'.repeat(40_000))
    for (let i = 0; i < 20; i++) cluster.askLeaders(`t${i}`)
    const good = () =>
      new Set(learned.filter(({ errorCode }) => errorCode === 0).map(({ topic }) => topic)).size
    await until(() => good() === 20, 'the others are known')
    await until(() => learned.some(({ errorCode }) => errorCode === 5), 'those who wait for it are told')
  })

  test('are learned although the broker hangs up at some question', async (context) => {
    const { cluster, brokers, learned } = await connected(context)
    const { topics } = brokers[0]!
    brokers[0]!.topics = (names) => {
      if (!names?.includes('poison')) return topics(names)
      for (const socket of brokers[0]!.sockets) socket.destroy()
      return []
    }
    for (const topic of ['a', 'poison', 'b', 'c']) cluster.askLeaders(topic)
    const good = () => learned.filter(({ errorCode }) => errorCode === 0).map(({ topic }) => topic)
    await until(() => good().length >= 3, 'the others are known')
    assert.deepEqual(good().toSorted().slice(0, 3), ['a', 'b', 'c'])
  })
})

test('a topic is created only if the client and the configuration both want it', async (context) => {
  for (const autoCreateTopics of [false, true]) {
    const { cluster, brokers } = await connected(context, 1, { autoCreateTopics })
    const wishes: boolean[] = []
    brokers[0]!.instead = ({ key, version, body }) => {
      if (key !== apis.metadata.key) return false
      const copy = new Reader(body.buffer, body.position)
      finishRequestHeader(copy, apis.metadata, version)
      const { topics, allowAutoTopicCreation } = metadataRequest.decode(copy, version)
      if (topics!.length > 0) wishes.push(allowAutoTopicCreation)
      return false
    }
    await cluster.describe(['t'], true)
    await cluster.describe(['t'], false)
    assert.deepEqual(wishes, [autoCreateTopics, false])
  }
})
