import type {
  ClusterSample,
  ClusterStatus,
  GrantStatus,
  NodeState,
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
  /** By cluster, as `maps`. */
  grants: ReadonlyMap<string, GrantStatus>
  maps: ReadonlyMap<
    string,
    { topics: number; partitions: number; refreshedAt: number | null; refreshError: string }
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

/** The state of one node alone. */
export function snapshot(sources: Sources): State {
  const { node, version, state, drained, configHash, reload, workers, sample, maps } = sources
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
    fleet: { mode: 'local', redis: 'none' },
    nodes: {
      [node]: {
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
      },
    },
    clusters,
  }
}

/** A cluster that never was reached is down for everybody who looks at it. */
function stateOf({ state, reason }: ClusterSample): Pick<ClusterStatus, 'state' | 'reason'> {
  return state === 'connecting' ? { state: 'down', reason: reason || 'not reached yet' } : { state, reason }
}

function packing({ totals }: ClusterSample): number {
  return totals.submissions === 0 ? 0 : totals.batchesSubmitted / totals.submissions
}
