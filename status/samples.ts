import type { ClientStatus, ClusterState, NodeCluster, NodeStatus, TopicTotals } from '#status/contract.ts'

/** The shapes in which the processes of a node and the nodes of a fleet tell each other their figures. */

/** Durations of the batches answered, since the start. */
export interface Durations {
  /** By bucket of `#status/histogram.ts`. */
  counts: number[]
  /** ms */
  sum: number
}

/** Each batch answered by the cluster counts in all three. */
export interface AckDurations {
  gateway: Durations
  upstream: Durations
  total: Durations
}

/** What one worker counts of one cluster. Totals run from the worker's start; over workers all is summed. */
export interface ClusterSample
  extends Pick<
    NodeCluster,
    | 'reason'
    | 'lanes'
    | 'lanesInUse'
    | 'lanesWanted'
    | 'brokersInUse'
    | 'connects'
    | 'waiting'
    | 'inFlightBytes'
    | 'heldBytes'
    | 'totals'
    | 'errorCodes'
  > {
  state: 'connecting' | ClusterState
  /** Reported by a worker that is gone: its totals count, its view of the cluster does not. */
  retired: boolean
  durations: AckDurations
  /** By topic; those that are not counted by name are one, `(other)`. */
  topics: Record<string, TopicTotals>
}

/** One worker, as it reports itself once a second. */
export interface WorkerSample
  extends Pick<
    NodeStatus,
    | 'connections'
    | 'accepted'
    | 'unanswered'
    | 'bytesRead'
    | 'bytesWritten'
    | 'reservedBytes'
    | 'reservedPeak'
    | 'memoryBudget'
    | 'pausedConnections'
    | 'closed'
    | 'refusals'
    | 'heldBack'
    | 'requests'
    | 'loopDelayMs'
  > {
  /** Connections by client address; empty where no limit needs it. */
  addresses: Record<string, number>
  /** By process id: a worker may share its process with the control side. */
  processes: Record<string, ProcessSample>
  clusters: Record<string, ClusterSample>
  /** The top ones; their figures are per second. */
  clients: ClientSample[]
}

export interface ProcessSample {
  residentBytes: number
  /** User and system time so far, in us. */
  cpu: number
}

export type ClientSample = Omit<ClientStatus, 'nodes'>

/** What one node tells the others each second. */
export interface NodeReport {
  /** When, by the node's own clock. */
  ts: number
  status: NodeStatus
  /** By cluster; of the last 10 s, by bucket. Percentiles cannot be added up, counts can. */
  durations: Record<string, Record<keyof AckDurations, Record<string, number>>>
  topics: Record<string, TopicReport>
  clients: ClientSample[]
}

export interface TopicReport {
  totals: TopicTotals
  rates: TopicTotals
}
