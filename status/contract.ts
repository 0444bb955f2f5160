/** The shapes of the live status. `GET /api/v1/state` carries `State`; clients ignore what they do not know. */

export interface Totals {
  batchesIn: number
  recordsIn: number
  bytesIn: number
  submissions: number
  acks: number
  errors: number
}

/** What one worker counts of one cluster. Totals run from the worker's start. */
export interface ClusterSample {
  state: 'connecting' | 'up' | 'degraded' | 'down'
  /** In words; empty while all is well. */
  reason: string
  /** Reported by a worker that is gone: its totals count, its view of the cluster does not. */
  retired: boolean
  /** Upstream connections that carry produce requests. */
  lanes: number
  /** Lanes to the broker that has most of them: what counts against the grant. Over workers: their sum. */
  lanesInUse: number
  /** The same, and more where windows have been waiting for a lane that the grant does not allow. */
  lanesWanted: number
  /** Brokers that it has lanes to or batches for. Over workers: their sum. */
  brokersInUse: number
  /** Connections opened to the cluster so far, of every kind. */
  connects: number
  /** Batches accepted and not answered. */
  waiting: number
  inFlightBytes: number
  /** What batches that are not answered hold in memory, under way or not. */
  heldBytes: number
  totals: Totals & { batchesSubmitted: number; retries: number }
  /** Batches answered with an error, by Kafka error code. */
  errorCodes: Record<string, number>
}

/** One worker, as it reports itself once a second. */
export interface WorkerSample {
  connections: number
  /** Connections accepted so far. */
  accepted: number
  /** Requests read and not answered. */
  unanswered: number
  bytesRead: number
  bytesWritten: number
  /** Bytes of the admission ledger: now, at most so far, and allowed. */
  reservedBytes: number
  reservedPeak: number
  memoryBudget: number
  /** Connections that are not read because memory is short. */
  pausedConnections: number
  closed: Record<string, number>
  /** Connections by client address; empty where no limit needs it. */
  addresses: Record<string, number>
  /** Batches refused before they reached a cluster's queue, by Kafka error code. */
  refusals: Record<string, number>
  /** How often a limit held a client back without an error, by which. */
  heldBack: Record<string, number>
  clusters: Record<string, ClusterSample>
}

export type NodeState = 'starting' | 'serving' | 'draining'

/** How the last reload ended. */
export interface ReloadStatus {
  /** ms since 1970. */
  at: number
  ok: boolean
  /** What has changed, or what is wrong. */
  text: readonly string[]
}

export interface NodeStatus {
  state: NodeState
  /** Of a drain: the last connection is gone. */
  drained: boolean
  version: string
  /** Of the configuration in use, without `node`: equal on nodes that are configured alike. */
  configHash: string
  /** Null before the first one. */
  reload: ReloadStatus | null
  connections: number
  inFlightBytes: number
  workers: number
  accepted: number
  unanswered: number
  reservedBytes: number
  reservedPeak: number
  memoryBudget: number
  pausedConnections: number
  bytesRead: number
  bytesWritten: number
  closed: Record<string, number>
  refusals: Record<string, number>
  /** How often a limit held a client back without an error, by which. */
  heldBack: Record<string, number>
}

/** What this node may put on a cluster. */
export interface GrantStatus {
  /** Lanes to each broker. */
  lanes: number
  inFlightBytes: number
  /** 0 is no limit. */
  submissionsPerSecond: number
  /** The fleet could not be asked of late. */
  stale: boolean
  /** The floors of all nodes together exceed the budget. */
  overcommitted: boolean
}

export interface ClusterStatus {
  grant: GrantStatus
  state: 'up' | 'degraded' | 'down'
  reason: string
  topics: number
  partitions: number
  /** When the partition map was last read, ms since 1970; null before the first time. */
  refreshedAt: number | null
  /** Why the last refresh failed; empty when it did not. */
  refreshError: string
  /** When a refresh failed last, or left topics out, ms since 1970; null before the first time. */
  refreshFailedAt: number | null
  lanes: number
  lanesInUse: number
  lanesWanted: number
  brokersInUse: number
  connects: number
  waiting: number
  inFlightBytes: number
  heldBytes: number
  totals: Totals & { batchesSubmitted: number; retries: number }
  batchesPerSubmission: number
  errorCodes: Record<string, number>
}

export interface State {
  /** The node that answers. */
  node: string
  /** ms since 1970. */
  ts: number
  /** `reason` says in words why the node is without Redis; empty while it is not, or needs none. */
  fleet: { mode: 'redis' | 'local'; redis: 'up' | 'down' | 'none'; reason: string }
  nodes: Record<string, NodeStatus>
  clusters: Record<string, ClusterStatus>
}
