import type {
  ClusterSample,
  ClusterStatus,
  GrantStatus,
  NodeState,
  NodeStatus,
  ReloadStatus,
  State,
  WorkerSample,
} from '#status/contract.ts'

/** What a snapshot is put together from. */
export interface Sources {
  node: string
  version: string
  state: NodeState
  drained: boolean
  configHash: string
  reload: ReloadStatus | null
  workers: number
  sample: WorkerSample | null
  fleet: State['fleet']
  /** The other live nodes, as they reported themselves last. */
  others: Record<string, NodeStatus>
  /** By cluster, as `maps`. */
  grants: ReadonlyMap<string, GrantStatus>
  maps: ReadonlyMap<
    string,
    Pick<ClusterStatus, 'topics' | 'partitions' | 'refreshedAt' | 'refreshError' | 'refreshFailedAt'>
  >
}

const NO_SAMPLE: ClusterSample = {
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
}

/** What this node knows of itself, and of the others what they say. */
export function snapshot(sources: Sources): State {
  const { node, fleet, others, sample, maps } = sources
  const clusters: Record<string, ClusterStatus> = {}
  let inFlightBytes = 0
  for (const [name, map] of maps) {
    const of = sample?.clusters[name] ?? NO_SAMPLE
    inFlightBytes += of.inFlightBytes
    const { retired: _, ...figures } = of
    const grant = sources.grants.get(name)!
    clusters[name] = { ...map, ...figures, ...stateOf(of), grant, batchesPerSubmission: packing(of) }
  }
  return {
    node,
    ts: Date.now(),
    fleet,
    nodes: { ...others, [node]: nodeStatus(sources, inFlightBytes) },
    clusters,
  }
}

function nodeStatus(sources: Sources, inFlightBytes: number): NodeStatus {
  const { state, drained, version, configHash, reload, workers, sample } = sources
  return {
    state,
    drained,
    version,
    configHash,
    reload,
    workers,
    inFlightBytes,
    connections: sample?.connections ?? 0,
    accepted: sample?.accepted ?? 0,
    unanswered: sample?.unanswered ?? 0,
    reservedBytes: sample?.reservedBytes ?? 0,
    reservedPeak: sample?.reservedPeak ?? 0,
    memoryBudget: sample?.memoryBudget ?? 0,
    pausedConnections: sample?.pausedConnections ?? 0,
    bytesRead: sample?.bytesRead ?? 0,
    bytesWritten: sample?.bytesWritten ?? 0,
    closed: sample?.closed ?? {},
    refusals: sample?.refusals ?? {},
    heldBack: sample?.heldBack ?? {},
  }
}

/** A cluster that never was reached is down for everybody who looks at it. */
function stateOf({ state, reason }: ClusterSample): Pick<ClusterStatus, 'state' | 'reason'> {
  return state === 'connecting' ? { state: 'down', reason: reason || 'not reached yet' } : { state, reason }
}

function packing({ totals }: ClusterSample): number {
  return totals.submissions === 0 ? 0 : totals.batchesSubmitted / totals.submissions
}
