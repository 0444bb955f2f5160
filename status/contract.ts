/**
 * The shapes of the live status. `GET /api/v1/state` carries `State`, the stream its beginnings and changes;
 * clients ignore what they do not know. Times are ms since 1970, durations ms, sizes bytes.
 */

/** Since the start of the process that counts; a fleet's are the sums over its live nodes. */
export interface Totals {
  batchesIn: number
  recordsIn: number
  bytesIn: number
  submissions: number
  acks: number
  errors: number
}

/** Per second, over the last second. */
export type Rates = { [figure in keyof Totals]: number }

/** Of the batches answered in the last 10 s; null when there was none. */
export interface Percentiles {
  p50: number | null
  p95: number | null
  p99: number | null
}

export interface LatencyStatus {
  /** From the last byte of the request to the answer, without `upstream`. */
  gateway: Percentiles
  /** From the sending of the submission that brought the answer until that answer. */
  upstream: Percentiles
  total: Percentiles
}

/** `gone`: its lease has ended; what it said last stays for ten minutes and counts nowhere. */
export type NodeState = 'starting' | 'serving' | 'draining' | 'gone'

/** How the last reload ended. */
export interface ReloadStatus {
  at: number
  ok: boolean
  /** What has changed, or what is wrong. */
  text: readonly string[]
}

/** What a node may put on a cluster. */
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

export type ClusterState = 'up' | 'degraded' | 'down'

/** One cluster as one node has it. */
export interface NodeCluster {
  state: ClusterState
  /** In words; empty while all is well. */
  reason: string
  grant: GrantStatus
  /** Upstream connections that carry produce requests. */
  lanes: number
  /** Lanes to the broker that has most of them: what counts against the grant. */
  lanesInUse: number
  /** The same, and more where windows have been waiting for a lane that the grant does not allow. */
  lanesWanted: number
  /** Brokers that it has lanes to or batches for. */
  brokersInUse: number
  /** Connections opened to the cluster so far, of every kind. */
  connects: number
  /** Batches accepted and not answered. */
  waiting: number
  inFlightBytes: number
  /** What batches that are not answered hold in memory, under way or not. */
  heldBytes: number
  rates: Rates
  totals: Totals & { batchesSubmitted: number; retries: number }
  /** Of the last 10 s; of all time where nothing was sent in them, 0 where nothing ever was. */
  batchesPerSubmission: number
  /** Batches answered with an error, by Kafka error code. */
  errorCodes: Record<string, number>
  /** The same, per second. */
  errorRates: Record<string, number>
  latencyMs: LatencyStatus
}

/** One cluster as the fleet has it: the sums over the live nodes, the worst state with its reason. */
export interface ClusterStatus extends NodeCluster {
  /** Of the node that answers; those of the others stand in `nodes.<id>.clusters`. */
  grant: GrantStatus
  topics: number
  partitions: number
  /** When the partition map was last read; null before the first time. */
  refreshedAt: number | null
  /** Why the last refresh failed; empty when it did not. */
  refreshError: string
  /** When a refresh failed last, or left topics out; null before the first time. */
  refreshFailedAt: number | null
}

export interface NodeStatus {
  state: NodeState
  /** Of a drain: the last connection is gone. */
  drained: boolean
  version: string
  zone: string
  startedAt: number
  /** When it was heard of last: this node now, another by its last sample. */
  seenAt: number
  /** Of the configuration in use, without `node`: equal on nodes that are configured alike. */
  configHash: string
  /** Null before the first one. */
  reload: ReloadStatus | null
  workers: number
  /** Workers that ended by themselves and were started anew. */
  workersLost: number
  connections: number
  /** Connections accepted so far. */
  accepted: number
  /** Requests read and not answered. */
  unanswered: number
  inFlightBytes: number
  /** Bytes of the admission ledger: now, at most so far, and allowed. */
  reservedBytes: number
  reservedPeak: number
  memoryBudget: number
  /** Connections that are not read because memory is short. */
  pausedConnections: number
  bytesRead: number
  bytesWritten: number
  /** Resident memory of all its processes. */
  residentBytes: number
  /** CPU time of all its processes per second of the last one: 1 is one core. */
  cpu: number
  /** The latest that a timer came in the last second, of the worst worker. */
  loopDelayMs: number
  rates: Rates
  /** Connections ended, by cause. */
  closed: Record<string, number>
  /** Batches refused before they reached a cluster's queue, by Kafka error code. */
  refusals: Record<string, number>
  /** How often a limit held a client back without an error, by which. */
  heldBack: Record<string, number>
  /** Requests read, by `<API name>/<version>`. */
  requests: Record<string, number>
  clusters: Record<string, NodeCluster>
}

export type TopicTotals = Omit<Totals, 'submissions'>

export interface TopicStatus {
  /** Null when no route takes it. */
  cluster: string | null
  /** The rule that matched: `topic orders`, `prefix orders.`, `default` or `none`; empty for `(other)`. */
  route: string
  /** 0 while the cluster has not told. */
  partitions: number
  rates: { [figure in keyof TopicTotals]: number }
  totals: TopicTotals
}

/** Connections that say the same `client.id` and software from one address are one client. */
export interface ClientStatus {
  /** `client.id`; empty when it told none. */
  id: string
  address: string
  softwareName: string
  softwareVersion: string
  connections: number
  /** Nodes that it is connected to. */
  nodes: string[]
  rates: { batchesIn: number; recordsIn: number; bytesIn: number; errors: number }
}

export interface FleetStatus {
  mode: 'redis' | 'local'
  redis: 'up' | 'down' | 'none'
  /** Why the node is without Redis; empty while it is not, or needs none. */
  reason: string
  /** Since when `redis` is what it is; null where there is no Redis. */
  since: number | null
}

export interface State {
  /** The node that answers. */
  node: string
  ts: number
  fleet: FleetStatus
  nodes: Record<string, NodeStatus>
  clusters: Record<string, ClusterStatus>
  /**
   * The 200 with most bytes per second, idle ones where there are fewer, and those that were asked for by name.
   * `(other)` is what nodes count without a name: beyond 500 topics per worker and cluster, 200 per node.
   */
  topics: Record<string, TopicStatus>
  /** The 200 with most bytes per second, and those that were asked for by `client.id`. */
  clients: ClientStatus[]
}

// ── the stream, `GET /api/v1/stream` ──────────────────────────────────────────────────────────────────

export const STREAM_PROTOCOL = 1
export const SUBPROTOCOL = 'sluice.v1'

export type EventKind =
  | 'node_joined'
  | 'node_gone'
  | 'node_state'
  | 'cluster_state'
  | 'redis_state'
  | 'reload'
  | 'worker_lost'
  | 'config_drift'

/** Something that happened, in words. */
export interface StatusEvent {
  ts: number
  kind: EventKind
  severity: 'info' | 'warning' | 'error'
  /** What it happened to; left out where that is no node or no cluster. */
  node?: string
  cluster?: string
  text: string
}

export interface Hello {
  type: 'hello'
  protocol: typeof STREAM_PROTOCOL
  /** Another one: the server began anew. */
  epoch: string
  node: string
  interval_ms: number
  /** What `history` has a series of: paths into `State`, their parts joined by `.`, `*` for any name. */
  series: readonly string[]
}

/**
 * Points by path into `State`, its parts joined by `.` (a name may hold one, so it cannot be taken apart again);
 * null where the path led nowhere then, or to a node that is gone. All series are equally long.
 */
export interface History {
  step_ms: number
  /** Time of the first points. */
  from: number
  series: Record<string, (number | null)[]>
}

/**
 * All that is known; the first frame after `Hello`, and again when frames had to be left out. `seq` is one more
 * with each frame that has one; a snapshot begins anew with any number.
 */
export interface Snapshot {
  type: 'snapshot'
  seq: number
  ts: number
  state: State
  history: History
  /** Newest last. */
  events: StatusEvent[]
}

/**
 * What has changed since the frame before, as a JSON merge patch (RFC 7386): null removes, arrays are whole. So
 * the stream, unlike `GET /api/v1/state`, leaves out what is null: read a missing member as null.
 */
export interface Delta {
  type: 'delta'
  seq: number
  ts: number
  state: object
}

export type EventFrame = { type: 'event'; seq: number } & StatusEvent

/** Answers `ping`; like `error` it has no `seq`. */
export interface Pong {
  type: 'pong'
}

/** What the client sent was not understood; in words. */
export interface ErrorFrame {
  type: 'error'
  text: string
}

export type ServerFrame = Hello | Snapshot | Delta | EventFrame | Pong | ErrorFrame

/**
 * What a client wants to see; a snapshot follows. Left out: as before, at first the top topics and clients.
 *
 * topics, clients: names beside the top ones, at most 50 of either; `false`: none at all, not even the top ones
 * interval_ms: between deltas, 200 to 60,000, rounded up to whole seconds; events come at once
 */
export interface Subscribe {
  type: 'subscribe'
  topics?: string[] | false
  clients?: string[] | false
  interval_ms?: number
}

export type ClientFrame = Subscribe | { type: 'ping' }

/** Why the server closes a socket, by WebSocket close code. */
export const CLOSE_CODES = {
  1001: 'the node drains or ends',
  1008: 'not allowed: a page from elsewhere, or a frame that is no text',
  1009: 'a frame of more than 16 KiB',
  1013: 'the client reads too slowly, or too many are connected',
  4401: 'no ticket, or one that was used, has expired or belongs to another address',
} as const
