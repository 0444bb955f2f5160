import type {
  ClientStatus,
  ClusterState,
  ClusterStatus,
  LatencyStatus,
  NodeCluster,
  NodeState,
  NodeStatus,
  Rates,
  State,
  StatusEvent,
  TopicStatus,
} from '#status/contract.ts'

/** A fleet that never was: 3 nodes, 3 clusters, load that rises and falls, and something of every trouble. */

export type Variant = 'normal' | 'redis-down' | 'empty' | 'alone' | 'drift'

/** When the made-up fleet began, in ms since 1970. */
const STARTED = 1_790_000_000_000

interface ClusterStory {
  state: ClusterState
  reason: string
  /** Batches per second at full load, over the fleet. */
  load: number
  packing: number
  upstreamMs: number
  errors: Record<string, number>
}

const CLUSTERS: Record<string, ClusterStory> = {
  'eu-1': { state: 'up', reason: '', load: 5200, packing: 34, upstreamMs: 6, errors: {} },
  'us-west': {
    state: 'degraded',
    reason: '1 of 3 brokers does not answer: b2.us-west:9092 timed out',
    load: 1800,
    packing: 12,
    upstreamMs: 140,
    errors: { 7: 3.2, 6: 0.8 },
  },
  archive: {
    state: 'down',
    reason: 'no broker answers: connect ECONNREFUSED 10.20.0.4:9092',
    load: 240,
    packing: 0,
    upstreamMs: 0,
    errors: { 19: 210 },
  },
}

const NODES: Record<string, { share: number; state: NodeState; zone: string }> = {
  'gw-1': { share: 0.55, state: 'serving', zone: 'a' },
  'gw-2': { share: 0.45, state: 'serving', zone: 'b' },
  'gw-3': { share: 0.3, state: 'gone', zone: 'c' },
}

const GONE_FOR_MS = 95_000

/** Between 0.2 and 1: two waves and some unrest. */
function tide(second: number): number {
  const waves = 0.6 + 0.28 * Math.sin(second / 55) + 0.08 * Math.sin(second / 9)
  return waves + 0.04 * unrest(second)
}

/** Between −1 and 1, the same for the same input. */
function unrest(seed: number): number {
  const x = Math.sin(seed * 12.9898) * 43758.5453
  return 2 * (x - Math.floor(x)) - 1
}

function ratesOf(batches: number, packing: number, errors: number): Rates {
  const acks = Math.max(0, batches - errors)
  return {
    batchesIn: batches,
    recordsIn: batches * 14,
    bytesIn: batches * 9400,
    submissions: packing === 0 ? 0 : acks / packing,
    acks,
    errors,
  }
}

function latencyOf(upstreamMs: number, pressure: number, seed: number): LatencyStatus {
  const gateway = 0.6 + pressure
  const part = (base: number) => ({
    p50: base * (1 + 0.05 * unrest(seed)),
    p95: base * 2.1 * (1 + 0.08 * unrest(seed + 1)),
    p99: base * 3.4 * (1 + 0.1 * unrest(seed + 2)),
  })
  return { gateway: part(gateway), upstream: part(upstreamMs), total: part(gateway + upstreamMs) }
}

const NO_LATENCY = { p50: null, p95: null, p99: null }

function nodeCluster(story: ClusterStory, share: number, second: number): NodeCluster {
  const batches = story.load * share * tide(second)
  const down = story.state === 'down'
  const errorRates = Object.fromEntries(
    Object.entries(story.errors).map(([code, rate]) => [
      code,
      down ? batches : rate * share * tide(second + 40),
    ]),
  )
  const errors = Object.values(errorRates).reduce((sum, rate) => sum + rate, 0)
  const rates = ratesOf(batches, story.packing, errors)
  const totals = Object.fromEntries(
    Object.entries(rates).map(([key, rate]) => [key, Math.round(rate * 3600)]),
  )
  const none = { gateway: NO_LATENCY, upstream: NO_LATENCY, total: NO_LATENCY }
  return {
    state: story.state,
    reason: story.reason,
    grant: {
      lanes: 12,
      inFlightBytes: 32 << 20,
      submissionsPerSecond: 0,
      stale: false,
      overcommitted: false,
    },
    lanes: down ? 0 : 9,
    lanesInUse: down ? 0 : Math.ceil((story.load / 520) * share * tide(second)),
    lanesWanted: down ? 0 : Math.ceil((story.load / 520) * share * tide(second)),
    brokersInUse: 3,
    connects: 12,
    waiting: Math.round(batches / 50),
    inFlightBytes: Math.round(batches * 400),
    heldBytes: Math.round(batches * 700),
    rates,
    totals: {
      ...totals,
      batchesSubmitted: Math.round(rates.acks * 3600),
      retries: 12,
    } as NodeCluster['totals'],
    batchesPerSubmission: story.packing * (0.6 + 0.4 * tide(second)),
    errorCodes: Object.fromEntries(
      Object.entries(errorRates).map(([code, rate]) => [code, Math.round(rate * 900)]),
    ),
    errorRates,
    latencyMs:
      down || share === 0 ? none : latencyOf(story.upstreamMs * (0.7 + tide(second)), tide(second), second),
  }
}

function nodeStatus(id: string, second: number, ts: number, variant: Variant): NodeStatus {
  const fresh = variant === 'empty'
  const { state, zone } = NODES[id]!
  const share = fresh ? 0 : NODES[id]!.share
  const clusters = Object.fromEntries(
    Object.entries(CLUSTERS)
      .filter(([name]) => !fresh || name === 'eu-1')
      .map(([name, story]) => [name, nodeCluster(story, share, second)]),
  )
  const sum = (pick: (rates: Rates) => number) =>
    Object.values(clusters).reduce((total, { rates }) => total + pick(rates), 0)
  const seed = id.charCodeAt(3) * 17 + second
  const other = variant === 'drift' && id === 'gw-2'
  return {
    state,
    drained: false,
    version: other ? '0.2.0' : '0.1.0',
    zone,
    startedAt: ts - second * 1000 - (id === 'gw-2' ? 7_500_000 : 190_000_000),
    seenAt: state === 'gone' ? ts - GONE_FOR_MS : ts,
    configHash: other ? 'c0ffee1291ab' : '9f2ab7c4d1e0',
    reload: null,
    workers: 2,
    workersLost: 0,
    connections: Math.round(1900 * share),
    accepted: 24_000,
    unanswered: 31,
    inFlightBytes: Object.values(clusters).reduce((total, c) => total + c.inFlightBytes, 0),
    reservedBytes: 4 << 20,
    reservedPeak: 40 << 20,
    memoryBudget: 512 << 20,
    pausedConnections: 0,
    bytesRead: 9e9,
    bytesWritten: 2e8,
    residentBytes: (210 + 60 * share + 8 * unrest(Math.floor(seed / 20))) * 2 ** 20,
    cpu: 0.1 + 1.2 * share * tide(second),
    loopDelayMs: 1.5 + 4 * share + 0.4 * Math.abs(unrest(seed)),
    rates: {
      batchesIn: sum((r) => r.batchesIn),
      recordsIn: sum((r) => r.recordsIn),
      bytesIn: sum((r) => r.bytesIn),
      submissions: sum((r) => r.submissions),
      acks: sum((r) => r.acks),
      errors: sum((r) => r.errors),
    },
    closed: { client: 900, idle: 3 },
    refusals: id === 'gw-1' && !fresh ? { 17: 214 } : {},
    heldBack: { memory: Math.floor(second / 3) * (id === 'gw-1' && !fresh ? 2 : 0) },
    requests: { 'Produce/9': 120_000, 'Metadata/12': 4000 },
    clusters,
  }
}

function clusterStatus(name: string, share: number, second: number, ts: number): ClusterStatus {
  const story = CLUSTERS[name]!
  return {
    ...nodeCluster(story, share, second),
    topics: 80,
    partitions: 960,
    refreshedAt: ts - 4000,
    refreshError: '',
    refreshFailedAt: null,
  }
}

const TOPIC_WORDS = ['orders', 'payments', 'clicks', 'audit', 'stock', 'mail', 'prices', 'sessions']

function topicsOf(count: number, second: number): Record<string, TopicStatus> {
  const names = Object.keys(CLUSTERS)
  const topics: Record<string, TopicStatus> = {}
  for (let i = 0; i < count; i++) {
    const word = TOPIC_WORDS[i % TOPIC_WORDS.length]!
    const cluster = i === 3 ? null : names[i % 7 === 6 ? 2 : i % 3 === 1 ? 1 : 0]!
    const batches = (1400 / (i + 2)) * tide(second + i)
    const errors = cluster === 'archive' ? batches : 0
    const { submissions: _, ...rates } = ratesOf(batches, 20, errors)
    const totals = Object.fromEntries(
      Object.entries(rates).map(([key, rate]) => [key, Math.round(rate * 900)]),
    )
    topics[`${word}.${['placed', 'changed', 'v2', 'dead-letter'][i % 4]}.${i}`] = {
      cluster,
      route: i % 5 === 0 ? 'default' : `${word}.*`,
      partitions: cluster === null ? 0 : 12 * (1 + (i % 4)),
      rates,
      totals: totals as unknown as TopicStatus['totals'],
    }
  }
  const { submissions: _, ...none } = ratesOf(0.4, 20, 0)
  topics['(other)'] = { cluster: null, route: '', partitions: 0, rates: none, totals: none }
  return topics
}

const SOFTWARE = [
  ['apache-kafka-java', '4.1.0'],
  ['librdkafka', '2.6.1'],
  ['kafkajs', '2.2.4'],
  ['', ''],
] as const

function clientsOf(count: number, second: number): ClientStatus[] {
  return Array.from({ length: count }, (_, i) => {
    const [softwareName, softwareVersion] = SOFTWARE[i % SOFTWARE.length]!
    const batches = (900 / (i + 2)) * tide(second + 3 * i)
    return {
      id: i % 11 === 5 ? '' : `${TOPIC_WORDS[i % TOPIC_WORDS.length]}-writer-${i}`,
      address: `10.0.${i % 7}.${(i * 13) % 250}`,
      softwareName,
      softwareVersion,
      connections: 1 + (i % 9),
      nodes: i % 3 === 0 ? ['gw-1'] : i % 3 === 1 ? ['gw-2'] : ['gw-1', 'gw-2'],
      rates: {
        batchesIn: batches,
        recordsIn: batches * 14,
        bytesIn: batches * 9400,
        errors: i % 17 === 4 ? batches / 9 : 0,
      },
    }
  })
}

const REDIS_DOWN_FOR_MS = 130_000

function fleetOf(variant: Variant, ts: number): State['fleet'] {
  if (variant === 'alone') return { mode: 'local', redis: 'none', reason: '', since: null }
  if (variant !== 'redis-down') return { mode: 'redis', redis: 'up', reason: '', since: STARTED }
  const reason = 'connect ECONNREFUSED 127.0.0.1:6379'
  return { mode: 'redis', redis: 'down', reason, since: Math.floor(ts / 1000) * 1000 - REDIS_DOWN_FOR_MS }
}

/** The lists are long and not needed for a history. */
export interface StateOptions {
  variant: Variant
  withLists: boolean
  asked: readonly string[]
}

/** @param second of the story */
export function madeUpState(ts: number, second: number, options: StateOptions): State {
  const { variant, withLists, asked } = options
  const fleet = fleetOf(variant, ts)
  const fresh = variant === 'empty'
  const onlyOne = variant === 'redis-down' || variant === 'alone' || fresh
  const nodes = Object.keys(NODES).filter((id) => !onlyOne || id === 'gw-1')
  const names = Object.keys(CLUSTERS).filter((name) => !fresh || name === 'eu-1')
  const live = nodes.filter((id) => NODES[id]!.state !== 'gone')
  const share = fresh ? 0 : live.reduce((sum, id) => sum + NODES[id]!.share, 0)
  const extra = asked.map((name) => [name, { ...Object.values(topicsOf(1, second))[0]!, route: 'default' }])
  return {
    node: 'gw-1',
    ts,
    fleet,
    nodes: Object.fromEntries(nodes.map((id) => [id, nodeStatus(id, second, ts, variant)])),
    clusters: Object.fromEntries(names.map((name) => [name, clusterStatus(name, share, second, ts)])),
    topics: withLists && !fresh ? { ...topicsOf(200, second), ...Object.fromEntries(extra) } : {},
    clients: withLists && !fresh ? clientsOf(200, second) : [],
  }
}

export function madeUpEvents(ts: number, variant: Variant): StatusEvent[] {
  if (variant === 'empty') return []
  const event = (
    ago: number,
    kind: StatusEvent['kind'],
    severity: StatusEvent['severity'],
    text: string,
  ) => ({
    ts: ts - ago,
    kind,
    severity,
    text,
  })
  const old = Array.from({ length: 30 }, (_, i) => {
    const node = `gw-${1 + (i % 2)}`
    return { ...event(900_000 - i * 9000, 'reload', 'info', `${node} reloaded: routes changed`), node }
  })
  return [
    ...old,
    { ...event(600_000, 'node_joined', 'info', 'gw-3 joined the fleet'), node: 'gw-3' },
    {
      ...event(400_000, 'cluster_state', 'error', `archive is down: ${CLUSTERS.archive!.reason}`),
      cluster: 'archive',
    },
    {
      ...event(240_000, 'cluster_state', 'warning', `us-west is degraded: ${CLUSTERS['us-west']!.reason}`),
      cluster: 'us-west',
    },
    { ...event(GONE_FOR_MS, 'node_gone', 'warning', 'gw-3 is gone: its lease has ended'), node: 'gw-3' },
  ]
}
