import type { ClientStatus, NodeStatus, TopicTotals, Totals } from '#status/contract.ts'

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
  durations: AckDurations
  /** By topic; those beyond `COUNTED_TOPICS` are one, `other`. */
  topics: Record<string, TopicTotals>
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
  /** Requests read, by `<API name>/<version>`. */
  requests: Record<string, number>
  /** By process id: a worker may share its process with the control side. */
  processes: Record<string, ProcessSample>
  /** The latest that a timer came in the last second, in ms. Of several workers: the worst. */
  loopDelayMs: number
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
