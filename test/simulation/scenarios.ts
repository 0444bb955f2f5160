import type { ClientPlan } from '#test/simulation/client.ts'
import type { ClusterPlan } from '#test/simulation/cluster.ts'
import { violations } from '#test/simulation/criterion.ts'
import type { Scene } from '#test/simulation/faults.ts'
import type { NodePlan } from '#test/simulation/node.ts'
import { Random } from '#test/simulation/random.ts'
import { buildScene } from '#test/simulation/run.ts'
import { STYLES, type Style } from '#test/simulation/styles.ts'
import { World } from '#test/simulation/world.ts'

/** A load of a certain kind, and what the engine must make of it. */
export interface Scenario {
  name: string
  must: string
  run(): Seen
}

export interface Seen {
  /** What is missing, in words; null = it holds. */
  missing: string | null
  /** What was measured. */
  seen: string
}

const CLUSTER: ClusterPlan = {
  brokers: 2,
  topics: [48],
  replicas: 2,
  minInSync: 1,
  replicationMs: 0.5,
  metadataLagMs: 20,
  electionMs: 500,
}

const NODE: NodePlan = {
  settings: {
    window: { linger: 'auto', maxBytes: 1024 * 1024, maxPartitions: 256 },
    lanes: 8,
    inFlightBytes: 64 * 1024 * 1024,
    submissionsPerSecond: 0,
  },
  memory: 64 * 1024 * 1024,
  pipelined: 128,
  maxAckWaitMs: 20_000,
  corruption: 0,
  closesAtOnce: true,
  upstreamLatency: [0.05, 0.15],
}

const CLIENT: ClientPlan = {
  style: styleNamed('librdkafka'),
  partitions: [0],
  batches: 1_000_000,
  startsAt: 0,
  gapMs: 0,
  ahead: 1,
  size: [150, 200],
  timeoutMs: 30_000,
  deliveryTimeoutMs: 120_000,
  firstSequence: 0,
  poison: 0,
  diesAt: Number.POSITIVE_INFINITY,
}

function styleNamed(name: string, more: Partial<Style> = {}): Style {
  return { ...STYLES.find((style) => style.name === name)!, ...more }
}

function build(
  clients: ClientPlan[],
  more: {
    node?: Partial<NodePlan>
    cluster?: Partial<ClusterPlan>
    linger?: 'auto' | number
    lanes?: number
  } = {},
): Scene {
  const { linger = 'auto', lanes = NODE.settings.lanes } = more
  const settings = { ...NODE.settings, lanes, window: { ...NODE.settings.window, linger } }
  const plan = {
    cluster: { ...CLUSTER, ...more.cluster },
    node: { ...NODE, settings, ...more.node },
    nodes: 1,
    clients,
    faults: [],
    calm: false,
    troubledMs: 0,
  }
  return buildScene(plan, new World(new Random(1)))
}

function many(count: number, of: (i: number) => Partial<ClientPlan>): ClientPlan[] {
  return Array.from({ length: count }, (_, i) => ({ ...CLIENT, ...of(i) }))
}

function verdict(seen: string, missing: string[]): Seen {
  return { seen, missing: missing.length > 0 ? `${missing.join('; ')} (${seen})` : null }
}

/** Open lanes to each broker. */
function lanesOf({ nodes }: Scene): number[] {
  return [...nodes[0]!.engine.brokers.values()].map(({ lanes }) => lanes.length)
}

// ── windows and lanes ───────────────────────────────────────────────────────────────────────────────────

const thousandProducers: Scenario = {
  name: 'thousandProducers',
  must: '1,000 producers × 5/s over 48 partitions of a broker: 1 or 2 lanes, 10 batches per submission or more',
  run() {
    const clients = many(1000, (i) => ({ partitions: [i % 48], gapMs: 200, startsAt: i / 5 }))
    const scene = build(clients, { cluster: { brokers: 1, replicas: 1 } })
    const { world, nodes } = scene
    const { checks } = nodes[0]!
    world.runUntil(1000)
    const before = { submissions: checks.submissions, batches: checks.batchesSent }
    let most = 0
    checks.onSubmission = (lane) => {
      most = Math.max(most, lane.broker.lanes.length)
    }
    world.runUntil(6000)
    const batches = checks.batchesSent - before.batches
    const each = batches / (checks.submissions - before.submissions)
    const missing: string[] = []
    if (most > 2) missing.push(`it opened ${most} lanes`)
    if (each < 10) missing.push('its submissions are too small')
    if (batches < 20_000) missing.push('it did not keep up')
    return verdict(`${batches} batches, ${each.toFixed(1)} per submission, ${most} lanes`, missing)
  },
}

const hotPartition: Scenario = {
  name: 'hotPartition',
  must: '200 producers on 1 partition grow the lanes to the grant',
  run() {
    const scene = build(many(200, () => ({ ahead: 2 })))
    scene.world.runUntil(3000)
    const most = Math.max(...lanesOf(scene))
    const missing = most === 8 ? [] : ['the grant is 8']
    return verdict(`${most} lanes after 3 s`, missing)
  },
}

const lanesShrink: Scenario = {
  name: 'lanesShrink',
  must: 'lanes that are not needed any more are given up',
  run() {
    const hot = many(200, () => ({ ahead: 2, diesAt: 3000 }))
    const scene = build([
      ...hot,
      ...many(1, () => ({ partitions: [1] })),
      ...many(1, () => ({ partitions: [2] })),
    ])
    scene.world.runUntil(3000)
    const before = Math.max(...lanesOf(scene))
    scene.world.runUntil(10_000)
    const after = Math.max(...lanesOf(scene))
    return verdict(`${before} lanes, then ${after}`, after === 1 ? [] : ['they stayed'])
  },
}

/** Batches acknowledged in the first 5 s of a few closed-loop producers. */
function acked(linger: 'auto' | number, clients: ClientPlan[]): number {
  const { world, nodes } = build(clients, { linger })
  let acks = 0
  nodes[0]!.checks.onSubmission = (_, { batches }) => {
    acks += batches.length
  }
  world.runUntil(5000)
  return acks
}

function lone(name: string, inFlight: number): Scenario {
  return {
    name,
    must: `a lone producer with ${inFlight} in flight never waits (quiet rule)`,
    run() {
      const clients = many(1, () => ({
        style: styleNamed('librdkafka', { requestsInFlight: inFlight }),
        partitions: Array.from({ length: 48 }, (_, i) => i),
        ahead: inFlight,
      }))
      const without = acked(0, clients)
      const auto = acked('auto', clients)
      const missing = auto < without * 0.99 ? ['it waited'] : []
      return verdict(`${auto} acks in 5 s, ${without} with linger 0`, missing)
    },
  }
}

const fullWindow: Scenario = {
  name: 'fullWindow',
  must: 'a full window closes at once, however long it may linger',
  run() {
    const clients = many(24, (i) => ({ partitions: [i % 24] }))
    const window = { linger: 20, maxPartitions: 8, maxBytes: 1024 * 1024 }
    const settings = { ...NODE.settings, lanes: 1, window }
    const { world, nodes } = build(clients, { node: { settings }, cluster: { brokers: 1, replicas: 1 } })
    const { checks, engine } = nodes[0]!
    let fullSince = Number.POSITIVE_INFINITY
    let held = 0
    checks.onAccepted = () => {
      const [broker] = engine.brokers.values()
      if (broker && broker.windows[0].length >= 7) fullSince = Math.min(fullSince, world.now)
    }
    checks.onSubmission = (lane) => {
      if (world.now - Math.max(fullSince, lane.freeSince) > 1) held++
      fullSince = Number.POSITIVE_INFINITY
    }
    world.runUntil(2000)
    const missing = held > checks.submissions / 20 ? ['the lane was free and the window full'] : []
    return verdict(`${held} of ${checks.submissions} submissions were held back`, missing)
  },
}

const hotBesideMany: Scenario = {
  name: 'hotBesideMany',
  must: 'beside many quiet partitions, no window lingers while a batch of a hot one has waited for two',
  run() {
    const hot = many(200, () => ({ partitions: [0] }))
    const quiet = many(500, (i) => ({ partitions: [1 + (i % 47)], gapMs: 100, startsAt: i / 5 }))
    const { world, nodes } = build([...hot, ...quiet], { cluster: { brokers: 1, replicas: 1 }, lanes: 2 })
    let lingered = 0
    let submissions = 0
    let freeSince = 0
    const { checks, engine } = nodes[0]!
    const partition = engine.partition('t0', 0)
    checks.onSubmission = (lane) => {
      submissions++
      // It was free and could have left at once.
      freeSince = Math.max(lane.freeSince, world.now - 5)
      const oldest = [...partition.ready[0]].find(({ state }) => state === 'ready')
      if (world.now - freeSince > 1 && oldest && freeSince - oldest.readyAt > 10) lingered++
    }
    world.runUntil(1000)
    submissions = 0
    lingered = 0
    world.runUntil(3000)
    const missing = lingered > submissions / 100 ? ['they lingered'] : []
    return verdict(`${lingered} of ${submissions} submissions lingered all the same`, missing)
  },
}

// ── fairness ────────────────────────────────────────────────────────────────────────────────────────────

const greedyProducer: Scenario = {
  name: 'greedyProducer',
  must: 'beside a producer that never stops, 199 small ones on the same partition wait for two windows at most',
  run() {
    const greedy = { ...CLIENT, ahead: 300 }
    const small = many(199, (i) => ({ gapMs: 4000, startsAt: i * 20, batches: 4 }))
    const { world, nodes } = build([greedy, ...small], { lanes: 1 })
    const { checks } = nodes[0]!
    let windows = 0
    let worst = 0
    let served = 0
    const came = new Map<object, { window: number; others: number }>()
    checks.onAccepted = ({ batch, out }) => {
      if (out.pair.client > 0) came.set(batch!, { window: windows, others: came.size })
    }
    checks.onSubmission = (_, { batches }) => {
      windows++
      for (const batch of batches) {
        const since = came.get(batch)
        came.delete(batch)
        if (!since) continue
        served++
        // Small ones that came before it have their turns before it.
        worst = Math.max(worst, windows - since.window - since.others)
      }
    }
    world.runUntil(15_000)
    const missing: string[] = []
    if (worst > 2) missing.push(`one waited for ${worst} windows`)
    if (served < 500) missing.push(`only ${served} were served`)
    return verdict(`${served} small batches in ${windows} windows, the longest wait ${worst}`, missing)
  },
}

const stuckPartition: Scenario = {
  name: 'stuckPartition',
  must: 'one partition is never replicated: all others of its broker go on within 1 s',
  run() {
    const clients = many(160, (i) => ({ partitions: [i % 16], gapMs: 50, startsAt: i / 8 }))
    const scene = build(clients, { cluster: { topics: [16], brokers: 2 }, lanes: 4 })
    const { world, cluster, nodes } = scene
    const stuck = cluster.logs[0]!
    const last = new Map(cluster.logs.map((log) => [log.name, 2000]))
    const longest = new Map<string, number>()
    nodes[0]!.checks.onResult = ({ out }) => {
      const { name } = out.pair.log
      if (world.now < 2000) return
      longest.set(name, Math.max(longest.get(name) ?? 0, world.now - last.get(name)!))
      last.set(name, world.now)
    }
    world.runUntil(2000)
    stuck.stalledUntil = Number.POSITIVE_INFINITY
    world.runUntil(30_000)
    const late: string[] = []
    let worst = 0
    for (const { name, leader } of cluster.logs) {
      if (name === stuck.name || leader !== stuck.leader) continue
      const gap = Math.max(longest.get(name) ?? 0, world.now - last.get(name)!)
      worst = Math.max(worst, gap)
      if (gap > 1000) late.push(`${name} stood still for ${(gap / 1000).toFixed(1)} s`)
    }
    return verdict(`the longest standstill of another partition: ${worst.toFixed(0)} ms`, late)
  },
}

// ── pressure ────────────────────────────────────────────────────────────────────────────────────────────

const librdkafka: Scenario = {
  name: 'librdkafka',
  must: 'a client that pipelines without end and lingers less than an ack takes: no 19, its batches grow',
  run() {
    const growing = { ...CLIENT, grows: true, gapMs: 5, size: [1000, 1000] as const }
    const scene = build([growing], { cluster: { replicationMs: 50 } })
    const { world, nodes, clients } = scene
    const codes = new Map<number, number>()
    const sizes: number[] = []
    nodes[0]!.checks.onResult = (copy) => {
      codes.set(copy.errorCode, (codes.get(copy.errorCode) ?? 0) + 1)
      sizes.push(copy.bytes.length)
    }
    world.runUntil(60_000)
    const errors = [...codes].filter(([code]) => code !== 0)
    // The first ones fill the node's book and the socket; from then on it must wait.
    const later = sizes.slice(256)
    const grown = later.reduce((sum, size) => sum + size, 0) / later.length / 1000
    const missing = errors.map(([code, times]) => `${times} answers ${code}`)
    if (grown < 2) missing.push('its batches did not grow')
    const left = clients[0]!.undone
    return verdict(`${sizes.length} answers, batches grew ${grown.toFixed(1)} times, ${left} wait`, missing)
  },
}

const overload: Scenario = {
  name: 'overload',
  must:
    'a stopped upstream, producers that never stop: the ledger stays within its budget, all is answered, ' +
    'nothing is lost or doubled',
  run() {
    const styles = ['java', 'librdkafka-idempotent', 'librdkafka', 'kafkajs', 'one-in-flight', 'sarama']
    const clients = many(60, (i) => ({
      style: styleNamed(styles[i % styles.length]!),
      partitions: [i % 48, (i * 7 + 1) % 48],
      gapMs: 10,
      batches: 2000,
      size: [200, 2000],
    }))
    const scene = build(clients, { node: { memory: 1024 * 1024 } })
    const { world, cluster, nodes } = scene
    const { admission, engine, everConnected, checks } = nodes[0]!
    const served = new Set<number>()
    checks.onResult = ({ errorCode, out }) => {
      if (errorCode === 0 && world.now > 17_000) served.add(out.pair.client)
    }
    world.runUntil(2000)
    for (const broker of cluster.brokers) broker.freeze(15_000)
    world.runUntil(25_000)
    const missing: string[] = []
    if (served.size < 60) missing.push(`8 s after it goes on only ${served.size} of 60 were served`)
    for (const client of scene.clients) client.stop()
    while (world.now < 200_000 && scene.clients.some(({ over }) => !over)) world.runUntil(world.now + 1000)
    if (admission.peak > admission.budget) missing.push(`the ledger rose to ${admission.peak}`)
    if (admission.used !== 0) missing.push(`${admission.used} bytes are reserved at the end`)
    if (engine.waiting !== 0) missing.push(`${engine.waiting} batches have no answer`)
    missing.push(...violations(cluster, scene.clients, everConnected).slice(0, 3))
    const share = Math.round((100 * admission.peak) / admission.budget)
    if (share < 75) missing.push('nobody had to wait')
    return verdict(`the ledger rose to ${share} % of its budget`, missing)
  },
}

export const SCENARIOS: readonly Scenario[] = [
  thousandProducers,
  hotPartition,
  lanesShrink,
  lone('loneProducer', 1),
  lone('loneProducerOfFive', 5),
  fullWindow,
  hotBesideMany,
  greedyProducer,
  stuckPartition,
  librdkafka,
  overload,
]
