import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, type Own, partitionsOf } from '#test/equivalence/case.ts'
import { type Outcome, runSteps } from '#test/equivalence/run-case.ts'
import { describeRecords } from '#test/equivalence/stored.ts'
import { type RawClient, withClient } from '#test/support/raw-client.ts'

interface TopicPlan {
  topic: string
  partitions: number
  config?: Record<string, string>
}

/** The shared topics that rows name in full. */
const SHARED: TopicPlan[] = [
  { topic: 'compacted', partitions: 2, config: { 'cleanup.policy': 'compact' } },
  { topic: 'append-time', partitions: 2, config: { 'message.timestamp.type': 'LogAppendTime' } },
  { topic: 'small', partitions: 1, config: { 'max.message.bytes': '500' } },
]

/** One row's outcome, and what its partitions hold at the end. */
export interface Result extends Outcome {
  afterRestart?: Outcome
  stored: Record<string, unknown[]>
}

/** A cluster of one broker without topics. */
export interface Target {
  port: number
  /** Stops the broker cleanly and starts it again. */
  restart(): Promise<void>
}

interface Placed {
  row: Case
  own: Own
}

/** How many rows run at the same time. Those that wait for silence then wait together. */
const AT_ONCE = 12
const PATIENCE_MS = 120_000
const AGAIN_MS = 100

/** Makes the topics and runs all rows. @returns results by the rows' names */
export async function runAll(cases: readonly Case[], target: Target): Promise<Map<string, Result>> {
  const rows = place(cases)
  const topics = [...topicsFor(rows), ...SHARED]
  const withBroker = <T>(work: (client: RawClient) => Promise<T>) => withClient(target.port, work)
  await withBroker((client) => prepare(client, topics))
  const results = new Map<string, Result>()
  await atOnce(rows, async ({ row, own }) => {
    results.set(row.name, { ...(await runSteps(row.steps, target.port, own)), stored: {} })
  })
  await target.restart()
  await withBroker((client) => endsOf(client, topics))
  for (const { row, own } of rows) {
    if (!row.afterRestart) continue
    results.get(row.name)!.afterRestart = await runSteps(row.afterRestart, target.port, own)
  }
  await withBroker(async (client) => {
    const ends = await endsOf(client, topics)
    for (const { row, own } of rows) results.get(row.name)!.stored = await storedOf(client, ends, own)
  })
  return results
}

function place(cases: readonly Case[]): Placed[] {
  let first = 0
  let only = 0
  return cases.map((row) => {
    const count = partitionsOf(row)
    const own = { a: 'eq-a', b: 'eq-b', first, only, count }
    first += count.a
    only += count.b
    return { row, own }
  })
}

function topicsFor(rows: Placed[]): TopicPlan[] {
  const { a, b, first, only, count } = rows.at(-1)!.own
  return [
    { topic: a, partitions: first + count.a },
    { topic: b, partitions: only + count.b },
  ]
}

async function prepare(client: RawClient, topics: TopicPlan[]): Promise<void> {
  const answer = await client.request(
    'createTopics',
    4,
    {
      timeoutMs: PATIENCE_MS,
      topics: topics.map(({ topic, partitions, config = {} }) => ({
        name: topic,
        numPartitions: partitions,
        replicationFactor: 1,
        configs: Object.entries(config).map(([name, value]) => ({ name, value })),
      })),
    },
    PATIENCE_MS,
  )
  const failed = answer.topics.find(({ errorCode }) => errorCode !== 0)
  if (failed) throw new Error(`CreateTopics answered ${failed.errorCode} for ${failed.name}`)
  await warmUp(client)
  await endsOf(client, topics)
}

/** The first question for a coordinator creates its topic, which takes a broker a while. */
async function warmUp(client: RawClient): Promise<void> {
  const body = { transactionalId: 'warm-up', transactionTimeoutMs: 60_000 }
  await untilReady(() => client.request('findCoordinator', 1, { key: 'warm-up', keyType: 0 }))
  await untilReady(() => client.request('findCoordinator', 1, { key: 'warm-up', keyType: 1 }))
  await untilReady(() => client.request('initProducerId', 1, body))
}

/** Until it is answered with anything but the codes of a coordinator that is not there yet. */
async function untilReady(ask: () => Promise<{ errorCode: number }>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while ([14, 15, 16].includes((await ask()).errorCode)) {
    if (Date.now() > deadline) throw new Error('the coordinator does not get ready')
    await sleep(AGAIN_MS)
  }
}

/** Works on a few of the items at the same time. */
async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

type Ends = Map<string, bigint>

/** Of all partitions, as soon as all their leaders answer: after a start some refuse for a moment. */
async function endsOf(client: RawClient, plans: TopicPlan[]): Promise<Ends> {
  const topics = plans.map(({ topic, partitions }) => ({
    name: topic,
    partitions: Array.from({ length: partitions }, (_, i) => ({ partitionIndex: i, timestamp: -1n })),
  }))
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await client.request('listOffsets', 2, { replicaId: -1, topics })
    const all = answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({ place: `${name}-${partition.partitionIndex}`, ...partition })),
    )
    const failed = all.find(({ errorCode }) => errorCode !== 0)
    if (!failed) return new Map(all.map(({ place, offset }) => [place, offset]))
    if (Date.now() > deadline) throw new Error(`ListOffsets of ${failed.place} answered ${failed.errorCode}`)
    await sleep(AGAIN_MS)
  }
}

async function storedOf(client: RawClient, ends: Ends, own: Own): Promise<Result['stored']> {
  const { a, b, first, only, count } = own
  const places = [
    ...Array.from({ length: count.a }, (_, i) => ({ name: `a-${i}`, topic: a, partition: first + i })),
    ...Array.from({ length: count.b }, () => ({ name: 'b-0', topic: b, partition: only })),
  ]
  const stored: Result['stored'] = {}
  for (const { name, topic, partition } of places) {
    const end = ends.get(`${topic}-${partition}`)!
    if (end === 0n) continue
    stored[name] = [{ end }, ...describeRecords(await wholeLog(client, topic, partition))]
  }
  return stored
}

/** Rows store little: it fits in one answer. */
async function wholeLog(client: RawClient, topic: string, partition: number): Promise<Buffer> {
  const partitions = [{ partition, fetchOffset: 0n, partitionMaxBytes: 8 << 20 }]
  const body = { maxWaitMs: 1000, minBytes: 1, topics: [{ topic, partitions }] }
  const answer = await client.request('fetch', 10, body)
  const { errorCode, records } = answer.responses[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`Fetch of ${topic}-${partition} answered ${errorCode}`)
  return records!
}
