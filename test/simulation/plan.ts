import type { ClientPlan } from '#test/simulation/client.ts'
import type { ClusterPlan } from '#test/simulation/cluster.ts'
import { drawSettings, FAULTS, type FaultKind, type FaultPlan } from '#test/simulation/faults.ts'
import type { NodePlan } from '#test/simulation/node.ts'
import type { Random } from '#test/simulation/random.ts'
import { STYLES } from '#test/simulation/styles.ts'

/** Everything that a run is made of, drawn from its seed before it begins. */
export interface Plan {
  cluster: ClusterPlan
  node: NodePlan
  nodes: number
  clients: ClientPlan[]
  faults: FaultPlan[]
  /** No faults, and no more batches than can be served in time. */
  calm: boolean
  /** Until then there are faults; then all heals. */
  troubledMs: number
}

export function drawPlan(random: Random): Plan {
  const cluster = drawCluster(random)
  const troubledMs = random.between(500, 6000)
  const calm = random.chance(0.1)
  const node = drawNode(random, calm)
  const partitions = cluster.topics.reduce((sum, count) => sum + count, 0)
  const count = random.pick([1, 2, 4, 8, 16, 30])
  const batches = Math.ceil(random.between(60, calm ? 300 : 800) / count)
  const clients = Array.from({ length: count }, () =>
    drawClient(random, { partitions, batches, calm, span: troubledMs }),
  )
  return {
    cluster,
    node,
    nodes: random.pick([1, 1, 2, 2, 3]),
    clients,
    calm,
    faults: calm ? [] : drawFaults(random, troubledMs),
    troubledMs,
  }
}

function drawCluster(random: Random): ClusterPlan {
  const brokers = random.pick([1, 1, 2, 3, 3, 4])
  return {
    brokers,
    topics: Array.from({ length: random.pick([1, 1, 2, 3]) }, () => random.pick([1, 1, 2, 4, 8])),
    replicas: random.whole(1, Math.min(brokers, 3)),
    minInSync: random.whole(1, 2),
    replicationMs: random.pick([0.5, 2, 10]),
    metadataLagMs: random.pick([0, 50, 500, 2000]),
    electionMs: random.pick([50, 500, 4000]),
  }
}

function drawNode(random: Random, calm: boolean): NodePlan {
  return {
    settings: drawSettings(random),
    memory: random.pick([30_000, 200_000, 10_000_000]),
    pipelined: random.pick([1, 4, 16, 128]),
    maxAckWaitMs: calm ? 20_000 : random.pick([1000, 3000, 20_000]),
    corruption: calm || random.chance(0.7) ? 0 : random.pick([0.002, 0.02]),
    closesAtOnce: random.chance(0.5),
    upstreamLatency: random.pick([
      [0.02, 0.1],
      [0.1, 2],
      [1, 20],
    ] as const),
  }
}

interface Surroundings {
  partitions: number
  batches: number
  calm: boolean
  span: number
}

function drawClient(random: Random, { partitions, batches, calm, span }: Surroundings): ClientPlan {
  const all = Array.from({ length: partitions }, (_, i) => i)
  const own = all.filter(() => random.chance(0.6))
  const closedLoop = random.chance(0.3)
  const timeoutMs = calm ? 60_000 : random.pick([1500, 3000, 10_000, 30_000])
  return {
    style: random.pick(STYLES),
    partitions: own.length > 0 ? own : [random.pick(all)],
    batches,
    startsAt: random.chance(0.6) ? random.between(0, 50) : random.between(0, span),
    gapMs: closedLoop ? 0 : (span / batches) * random.pick([0.01, 0.1, 0.5, 1]),
    ahead: random.pick([1, 5, 50]),
    size: random.pick([
      [80, 300],
      [80, 5000],
    ] as const),
    timeoutMs,
    deliveryTimeoutMs: calm || random.chance(0.5) ? 120_000 : timeoutMs * random.between(0.5, 3),
    firstSequence: random.chance(0.1) ? 2 ** 31 - 3 : 0,
    poison: calm || random.chance(0.8) ? 0 : 0.03,
    diesAt: calm || random.chance(0.9) ? Number.POSITIVE_INFINITY : random.between(0, span),
  }
}

/** Some kinds of faults, each as often as it likes. */
function drawFaults(random: Random, span: number): FaultPlan[] {
  const faults: FaultPlan[] = []
  const kinds = Object.keys(FAULTS) as FaultKind[]
  const share = random.pick([0.1, 0.25, 0.6])
  for (const kind of kinds) {
    if (!random.chance(share)) continue
    const times = random.pick([1, 3, 10])
    for (let i = 0; i < times; i++) {
      const lengthMs = random.pick([5, 50, 500, 3000, 12_000]) * random.between(0.5, 1.5)
      faults.push({ kind, at: random.between(0, span), lengthMs })
    }
  }
  return faults.sort((a, b) => a.at - b.at)
}

/** The plan in words, for the head of a story. */
export function describePlan({ cluster, node, nodes, clients, faults, calm, troubledMs }: Plan): string[] {
  const { window, ...grant } = node.settings
  return [
    `${nodes} nodes, ${cluster.brokers} brokers, partitions per topic ${cluster.topics.join(' ')}, ` +
      `${cluster.replicas} replicas, ${cluster.minInSync} in sync at least`,
    `window ${JSON.stringify(window)}, granted ${JSON.stringify(grant)}`,
    `${node.memory} bytes for frames, ${node.pipelined} unanswered frames, acks wait ${node.maxAckWaitMs} ms`,
    ...clients.map(
      ({ style, batches, partitions, gapMs, ahead, timeoutMs, deliveryTimeoutMs }, i) =>
        `client ${i}: ${style.name}, ${batches} batches for ${partitions.length} partitions, ` +
        `${gapMs > 0 ? `one each ${gapMs.toFixed(2)} ms` : `${ahead} open`}, ` +
        `timeout ${timeoutMs} ms, gives up after ${deliveryTimeoutMs.toFixed(0)} ms`,
    ),
    calm ? 'nothing goes wrong' : `faults until ${troubledMs.toFixed(0)} ms: ${countKinds(faults)}`,
    '',
  ]
}

function countKinds(faults: readonly FaultPlan[]): string {
  const counts = new Map<string, number>()
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${kind} × ${count}`).join(', ') || 'none'
}
