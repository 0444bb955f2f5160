import type {
  ClusterState,
  GrantStatus,
  NodeCluster,
  NodeState,
  NodeStatus,
  ReloadStatus,
} from '#status/contract.ts'
import { latencyOf, type NodeFigures } from '#status/figures.ts'
import { own } from '#status/own.ts'
import type { ClusterSample, NodeReport, WorkerSample } from '#status/samples.ts'

/** What a node's report is put together from. */
export interface NodeSources {
  version: string
  zone: string
  startedAt: number
  state: NodeState
  drained: boolean
  configHash: string
  reload: ReloadStatus | null
  workers: number
  workersLost: number
  /** Of its workers together. */
  sample: WorkerSample | null
  /** Of the control process, which may be a worker's, too. */
  own: WorkerSample['processes']
  figures: NodeFigures
  /** By cluster of the configuration. */
  grants: ReadonlyMap<string, GrantStatus>
}

const NO_DURATIONS = { counts: [], sum: 0 }

const NO_CLUSTER: ClusterSample = {
  state: 'connecting',
  reason: 'no worker has reported yet',
  retired: false,
  lanes: 0,
  lanesInUse: 0,
  lanesWanted: 0,
  brokersInUse: 0,
  connects: 0,
  waiting: 0,
  inFlightBytes: 0,
  heldBytes: 0,
  totals: {
    batchesIn: 0,
    recordsIn: 0,
    bytesIn: 0,
    submissions: 0,
    acks: 0,
    errors: 0,
    batchesSubmitted: 0,
    retries: 0,
  },
  errorCodes: {},
  durations: { gateway: NO_DURATIONS, upstream: NO_DURATIONS, total: NO_DURATIONS },
  topics: {},
}

const NO_SAMPLE: WorkerSample = {
  connections: 0,
  accepted: 0,
  unanswered: 0,
  bytesRead: 0,
  bytesWritten: 0,
  reservedBytes: 0,
  reservedPeak: 0,
  memoryBudget: 0,
  pausedConnections: 0,
  closed: {},
  addresses: {},
  refusals: {},
  heldBack: {},
  requests: {},
  processes: {},
  loopDelayMs: 0,
  clusters: {},
  clients: [],
}

/** What this node says of itself, to its own clients and to the other nodes. */
export function reportOf(sources: NodeSources): NodeReport {
  const { figures, grants, sample } = sources
  const clusters: Record<string, NodeCluster> = {}
  const durations: NodeReport['durations'] = {}
  for (const [name, grant] of grants) {
    const counted = own(sample?.clusters ?? {}, name) ?? NO_CLUSTER
    const { durations: recent, ...rest } = figures.of(name)
    const { retired: _, durations: __, topics: ___, ...counts } = counted
    durations[name] = recent
    clusters[name] = { ...counts, ...stateOf(counted), ...rest, grant, latencyMs: latencyOf(recent) }
  }
  return {
    ts: Date.now(),
    status: statusOf(sources, clusters),
    durations,
    topics: figures.topics(sample),
    clients: sample?.clients ?? [],
  }
}

function statusOf(sources: NodeSources, clusters: NodeStatus['clusters']): NodeStatus {
  const { sample, own, figures, grants: _, ...node } = sources
  const { processes, addresses: __, clients: ___, clusters: ____, ...counts } = sample ?? NO_SAMPLE
  const resident = Object.values({ ...processes, ...own })
  const rates = { batchesIn: 0, recordsIn: 0, bytesIn: 0, submissions: 0, acks: 0, errors: 0 }
  let inFlightBytes = 0
  for (const cluster of Object.values(clusters)) {
    inFlightBytes += cluster.inFlightBytes
    for (const figure of Object.keys(rates) as (keyof typeof rates)[]) rates[figure] += cluster.rates[figure]
  }
  return {
    ...node,
    ...counts,
    seenAt: Date.now(),
    inFlightBytes,
    rates,
    clusters,
    residentBytes: resident.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    cpu: figures.cpu,
  }
}

/** A cluster that never was reached is down for everybody who looks at it. */
function stateOf({ state, reason }: ClusterSample): { state: ClusterState; reason: string } {
  return state === 'connecting' ? { state: 'down', reason: reason || 'not reached yet' } : { state, reason }
}
