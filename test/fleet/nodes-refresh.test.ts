import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import type { ClusterStatus } from '#status/contract.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { freePort } from '#test/support/ports.ts'
import { RawClient } from '#test/support/raw-client.ts'
import { until } from '#test/support/redis.ts'
import { type SniffedConnection, Sniffer } from '#test/support/sniffer.ts'

const NAMES = ['gw-1', 'gw-2', 'gw-3']
const INTERVAL_MS = 1000
const PATIENCE_MS = 60_000
const METADATA = 3
/** kafkajs knows no newer one; everybody else here speaks a newer one. */
const NEWEST_OF_KAFKAJS = 6
/** Long enough to do something before the answer comes, and short enough for a worker's question. */
const DELAY_MS = 800
/** So many per node, so that most likely each of its workers has one. */
const CLIENTS = 4

/** Real Kafka behind cluster `c`; a sandbox behind `s`, where faults are exact and every request is seen. */
let kafka: KafkaCluster
let sandbox: Sandbox
let sniffer: Sniffer
let fleet: FleetStage
const connections: SniffedConnection[] = []

before(async () => {
  kafka = await startCluster({ version: '4.4.0' })
  await kafka.createTopics([{ topic: 't', partitions: 2 }])
  const topics = ['s.1', 's.2'].map((topic) => ({ topic, partitions: 2, replicas: 1 }))
  sandbox = await startSandbox({ brokers: 2, topics })
  sniffer = await sniff(sandbox)
  fleet = await FleetStage.open({
    nodes: 3,
    clusters: { c: kafka.bootstrap, s: sandbox.bootstrap },
    routes: { t: 'c', s: 's' },
    settings: { refresh: { interval: `${INTERVAL_MS}ms` } },
  })
  await fleet.startNodes(NAMES)
  await fleet.sees(3)
})
after(async () => {
  await fleet?.close()
  await sniffer?.close()
  await sandbox?.close()
  await kafka?.close()
})

/** Metadata names the sniffer's ports from now on. */
async function sniff({ brokers }: Sandbox): Promise<Sniffer> {
  const doors = await Promise.all(
    brokers.map(async ({ id, port }) => ({ name: `broker ${id}`, port: await freePort(), target: port })),
  )
  for (const [i, broker] of brokers.entries()) {
    Object.defineProperty(broker, 'port', { value: doors[i]!.port })
  }
  return Sniffer.start(doors)
}

/** Metadata requests of kafkajs so far: one per page of a reading, and one more on a fresh connection. */
function pages(): number {
  connections.push(...sniffer.take())
  const requests = connections.flatMap((connection) => connection.requests)
  return requests.filter(({ apiKey, version }) => apiKey === METADATA && version <= NEWEST_OF_KAFKAJS).length
}

/** Readings so far: each begins with a connection of its own, which asks for all names and is closed. */
function readings(): number {
  connections.push(...sniffer.take())
  return connections.filter(({ requests }) => {
    const [last] = requests.slice(-1)
    const asksOnce = requests.filter(({ apiKey }) => apiKey === METADATA).length === 1
    return asksOnce && last!.apiKey === METADATA && last!.version > NEWEST_OF_KAFKAJS
  }).length
}

const statesOf = (cluster: string): Promise<ClusterStatus[]> =>
  Promise.all([...fleet.gateways.values()].map(async (each) => (await each.state()).clusters[cluster]!))

/** @returns when it became true on every node, in ms of the monotonic clock */
async function onEveryNode(cluster: string, holds: (status: ClusterStatus) => boolean): Promise<number> {
  let seen: ClusterStatus[] = []
  await until(
    PATIENCE_MS,
    async () => (seen = await statesOf(cluster)).every(holds),
    () => JSON.stringify(seen.map(({ totals: _, ...rest }) => rest)),
  )
  return performance.now()
}

/** Clients of every node, with what they see of the topics of both clusters: `t 2`. */
async function clientsOf(): Promise<{ client: RawClient; look(): Promise<string[]> }[]> {
  const ports = [...fleet.gateways.values()].flatMap(({ port }) => new Array<number>(CLIENTS).fill(port))
  return Promise.all(
    ports.map(async (port) => {
      const client = await RawClient.connect(port)
      client.send(Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1000 2000\r\n'))
      // All topics: a name that is asked for may be learned of the cluster at once.
      const body = { topics: null, allowAutoTopicCreation: false }
      const look = async (): Promise<string[]> => {
        const { topics } = await client.request('metadata', 9, body)
        return topics.map(({ name, partitions }) => `${name} ${partitions.length}`).sort()
      }
      return { client, look }
    }),
  )
}

/**
 * New topics and partitions of real Kafka are seen by clients of every node in time. A machine that is busy
 * with other things may hold up one piece of news or two, so each kind has three of them.
 */
async function assertNewsSpread(t: TestContext): Promise<void> {
  const clients = await clientsOf()
  const every = async (wanted: string): Promise<boolean> =>
    (await Promise.all(clients.map(({ look }) => look()))).every((topics) => topics.includes(wanted))
  const untilSeen = async (wanted: string): Promise<number> => {
    const begin = performance.now()
    await until(
      PATIENCE_MS,
      () => every(wanted),
      () => `not every client sees ${wanted}`,
    )
    return performance.now() - begin
  }
  const inTime = async (what: string, make: (i: number) => Promise<string>): Promise<void> => {
    const took: number[] = []
    for (let i = 1; i <= 3 && !took.some((ms) => ms < INTERVAL_MS + 2000); i++) {
      took.push(await untilSeen(await make(i)))
    }
    t.diagnostic(`clients of every node see ${what} after ${took.map(Math.round)} ms`)
    assert.ok(Math.min(...took) < INTERVAL_MS + 2000, `clients see ${what} after ${took} ms`)
  }
  try {
    await inTime('a topic', async (i) => {
      await kafka.createTopics([{ topic: `t.${i}`, partitions: 3 }])
      return `t.${i} 3`
    })
    await inTime('partitions', async (i) => {
      await kafka.addPartitions('t', 2 + i)
      return `t ${2 + i}`
    })
    assert.ok(await every('s.2 2'), 'what was known of the other cluster')
  } finally {
    await Promise.all(clients.map(({ client }) => client.close()))
  }
}

/** A reading fails as `error` says: every node knows why and since when, and keeps what it knew. */
async function assertToldOfFailure(since: number, error: RegExp, before: ClusterStatus): Promise<void> {
  await onEveryNode('s', ({ refreshError }) => error.test(refreshError))
  for (const { refreshFailedAt, refreshedAt, topics, partitions } of await statesOf('s')) {
    assert.ok(refreshFailedAt! >= since && refreshFailedAt! <= Date.now(), `failed at ${refreshFailedAt}`)
    assert.ok(refreshedAt! >= before.refreshedAt!)
    assert.deepEqual({ topics, partitions }, { topics: before.topics, partitions: before.partitions })
  }
}

async function assertReadAgain(): Promise<void> {
  const since = Date.now()
  await onEveryNode('s', ({ refreshError, refreshedAt }) => refreshError === '' && refreshedAt! > since)
}

/** Waits until kafkajs has asked for topics; its answer is still on its way, thanks to the delay. */
async function amidAReading(): Promise<void> {
  const before = pages()
  await until(
    PATIENCE_MS,
    () => pages() > before,
    () => 'no reading',
  )
}

test('the fleet as a whole reads a cluster once per interval', async () => {
  await onEveryNode('s', ({ refreshedAt }) => refreshedAt !== null)
  const reach = async (count: number): Promise<number> => {
    await until(
      PATIENCE_MS,
      () => readings() >= count,
      () => `${readings()} readings`,
    )
    return performance.now()
  }
  const first = readings() + 1
  const begin = await reach(first)
  const pagesBefore = pages()
  const ms = (await reach(first + 10)) - begin
  // On a busy machine a reading comes late and the next one in its own slot: never more than one per slot.
  const slots = Math.round(ms / INTERVAL_MS)
  assert.ok(slots >= 9, `10 readings in ${ms} ms`)
  assert.ok(slots < 40, `10 readings in ${ms} ms`)
  assert.ok(pages() - pagesBefore >= 10, 'kafkajs has asked in each')
})

test('a kafkajs call that hangs: the cluster stays as it was known, another one is read on meanwhile', async (t) => {
  const [known] = await statesOf('s')
  const delay = sandbox.delay(DELAY_MS, { api: 'Metadata' })
  await amidAReading()
  const since = Date.now()
  for (const { id } of sandbox.brokers) sandbox.stall(id)
  delay.lift()
  try {
    await assertNewsSpread(t)
    await assertToldOfFailure(since, /./, known!)
    const [failed] = await statesOf('s')
    t.diagnostic(`${Math.round(failed!.refreshFailedAt! - since)} ms after: ${failed!.refreshError}`)
  } finally {
    for (const { id } of sandbox.brokers) sandbox.unstall(id)
  }
  await assertReadAgain()
})

test('a cluster that dies amid a reading', async () => {
  const [known] = await statesOf('s')
  const delay = sandbox.delay(DELAY_MS, { api: 'Metadata' })
  await amidAReading()
  const since = Date.now()
  await Promise.all(sandbox.brokers.map((broker) => broker.kill()))
  delay.lift()
  await assertToldOfFailure(since, /./, known!)
  await Promise.all(sandbox.brokers.map((broker) => broker.restart()))
  await assertReadAgain()
})

test('a topic that cannot be read stays as it was, and the others of its page are read', async () => {
  sandbox.createTopic({ topic: 's.3', partitions: 1, replicas: 1 })
  await onEveryNode('s', ({ topics }) => topics === 3)
  const since = Date.now()
  // The second partitions of two topics are left without a leader.
  const [, second] = sandbox.brokers
  await second!.kill()
  sandbox.fence(second!.id)
  sandbox.addPartitions('s.3', 4)
  await onEveryNode('s', ({ partitions }) => partitions === 2 + 2 + 4)
  const [known] = await statesOf('s')
  await assertToldOfFailure(since, /^not readable: s\.[12], s\.[12]$/, known!)
  await second!.restart()
  await assertReadAgain()
})
