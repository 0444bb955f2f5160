import { addUp, mergeClients } from '#status/merge.ts'
import { own } from '#status/own.ts'
import type { ClusterSample, WorkerSample } from '#status/samples.ts'

/** Sums the workers of a node. A worker that died counts with what it had reported, less what ended with it. */
export function mergeSamples(samples: readonly WorkerSample[]): WorkerSample | null {
  const [first, ...rest] = samples
  if (!first) return null
  return rest.reduce((sum, sample) => ({ ...addUp(sum, sample), ...unlikeSums(sum, sample) }), first)
}

/** What stays of a worker's report when it is gone: its totals, and nothing that was open. */
export function retire(sample: WorkerSample): WorkerSample {
  const gone = {
    connections: 0,
    unanswered: 0,
    reservedBytes: 0,
    reservedPeak: 0,
    memoryBudget: 0,
    pausedConnections: 0,
    addresses: {},
    processes: {},
    loopDelayMs: 0,
    clients: [],
  }
  const clusters = Object.entries(sample.clusters).map(([name, cluster]): [string, ClusterSample] => {
    const open = { lanes: 0, lanesInUse: 0, lanesWanted: 0, brokersInUse: 0, waiting: 0 }
    return [name, { ...cluster, ...open, inFlightBytes: 0, heldBytes: 0, retired: true }]
  })
  return { ...sample, ...gone, clusters: Object.fromEntries(clusters) }
}

function unlikeSums(a: WorkerSample, b: WorkerSample) {
  return {
    clusters: mergeClusters(a, b),
    clients: mergeClients([...a.clients, ...b.clients]),
    loopDelayMs: Math.max(a.loopDelayMs, b.loopDelayMs),
  }
}

function mergeClusters(a: WorkerSample, b: WorkerSample): Record<string, ClusterSample> {
  const merged = { ...a.clusters }
  for (const [name, cluster] of Object.entries(b.clusters)) {
    const other = own(merged, name)
    merged[name] = other ? { ...addUp(other, cluster), ...stateOf(other, cluster) } : cluster
  }
  return merged
}

/** The cluster is up for the node when any worker reaches it; a degraded view is shown before a good one. */
const RANK = { degraded: 3, up: 2, connecting: 1, down: 0 }

function stateOf(a: ClusterSample, b: ClusterSample): Pick<ClusterSample, 'state' | 'reason' | 'retired'> {
  if (a.retired !== b.retired) return pick(a.retired ? b : a)
  return pick(RANK[a.state] >= RANK[b.state] ? a : b)
}

function pick({ state, reason, retired }: ClusterSample) {
  return { state, reason, retired }
}
