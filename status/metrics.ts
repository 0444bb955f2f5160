import type { ClusterStatus, GrantStatus, NodeStatus, State } from '#status/contract.ts'
import { BUCKETS, boundOf } from '#status/histogram.ts'
import type { AckDurations, ClusterSample, Durations, WorkerSample } from '#status/samples.ts'
import type { StreamLedger } from '#status/stream-ledger.ts'

export type Labels = Record<string, string>

/** What the metrics of one node are made from. */
export interface MetricsSources {
  /** The node alone: Prometheus adds nodes up itself. */
  state: State
  sample: WorkerSample | null
  stream: StreamLedger
}

/** One line each; a name other than the family's is given for the parts of a histogram. */
export type Line = [labels: Labels, value: number, suffix?: string]

export interface Family {
  /** Without `sluice_`. */
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  lines(sources: MetricsSources): Line[]
}

const nodeOf = ({ state }: MetricsSources): NodeStatus => state.nodes[state.node]!

function ofNode(
  name: string,
  type: Family['type'],
  help: string,
  value: (node: NodeStatus) => number,
): Family {
  return { name, type, help, lines: (sources) => [[{}, value(nodeOf(sources))]] }
}

/** A counter for each key of a record. */
function byKey(
  name: string,
  help: string,
  label: string,
  counts: (node: NodeStatus) => Record<string, number>,
): Family {
  const lines = (sources: MetricsSources) =>
    Object.entries(counts(nodeOf(sources))).map(([key, count]): Line => [{ [label]: key }, count])
  return { name, type: 'counter', help, lines }
}

function ofCluster(
  name: string,
  type: Family['type'],
  help: string,
  value: (cluster: ClusterStatus) => number,
): Family {
  const lines = ({ state }: MetricsSources) =>
    Object.entries(state.clusters).map(([cluster, status]): Line => [{ cluster }, value(status)])
  return { name, type, help, lines }
}

const ofGrant = (name: string, help: string, value: (grant: GrantStatus) => number): Family =>
  ofCluster(name, 'gauge', help, ({ grant }) => value(grant))

/** Bounds that Prometheus gets: the powers of two of ours. */
const BOUNDS = Array.from({ length: BUCKETS }, (_, bucket) => bucket).filter((bucket) => bucket % 4 === 0)

function durations(name: string, help: string, part: keyof AckDurations): Family {
  const lines = ({ sample }: MetricsSources) =>
    Object.entries(sample?.clusters ?? {}).flatMap(([cluster, status]) =>
      histogram({ cluster }, status.durations[part]),
    )
  return { name, type: 'histogram', help, lines }
}

function histogram(labels: Labels, { counts, sum }: Durations): Line[] {
  const lines: Line[] = []
  let below = 0
  counts.forEach((count, bucket) => {
    below += count
    if (BOUNDS.includes(bucket))
      lines.push([{ ...labels, le: `${boundOf(bucket) / 1000}` }, below, '_bucket'])
  })
  lines.push([{ ...labels, le: '+Inf' }, below, '_bucket'])
  lines.push([labels, sum / 1000, '_sum'], [labels, below, '_count'])
  return lines
}

function ofTopic(name: string, help: string, figure: 'recordsIn' | 'bytesIn' | 'errors'): Family {
  const of = ([cluster, { topics }]: [string, ClusterSample]) =>
    Object.entries(topics).map(([topic, totals]): Line => [{ cluster, topic }, totals[figure]])
  const lines = ({ sample }: MetricsSources) => Object.entries(sample?.clusters ?? {}).flatMap(of)
  return { name, type: 'counter', help, lines }
}

/** Every metric there is. docs/observability.md explains each. */
export const METRICS: readonly Family[] = [
  {
    name: 'build_info',
    type: 'gauge',
    help: 'Always 1; the labels tell what runs.',
    lines: (sources) => [[{ version: nodeOf(sources).version, node: sources.state.node }, 1]],
  },
  {
    name: 'config_info',
    type: 'gauge',
    help: 'Always 1; the label is the same on nodes that are configured alike.',
    lines: (sources) => [[{ hash: nodeOf(sources).configHash }, 1]],
  },
  {
    name: 'node_state',
    type: 'gauge',
    help: '1 for the state that the node is in.',
    lines: (sources) =>
      ['starting', 'serving', 'draining'].map((state) => [
        { state },
        Number(nodeOf(sources).state === state),
      ]),
  },
  ofNode('drained', 'gauge', 'Of a drain: 1 when the last connection is gone.', ({ drained }) => {
    return Number(drained)
  }),
  ofNode('start_time_seconds', 'gauge', 'When the node started.', ({ startedAt }) => startedAt / 1000),
  ofNode('config_reload_ok', 'gauge', '0 when the last reload was refused.', ({ reload }) =>
    Number(reload?.ok ?? true),
  ),
  ofNode(
    'config_reload_time_seconds',
    'gauge',
    'When the configuration was last reloaded, or should have been.',
    ({ reload, startedAt }) => (reload?.at ?? startedAt) / 1000,
  ),
  ofNode('workers', 'gauge', 'Workers that the node should have.', ({ workers }) => workers),
  ofNode('workers_lost_total', 'counter', 'Workers that died and were replaced.', (node) => node.workersLost),
  ofNode(
    'resident_bytes',
    'gauge',
    'Resident memory of all processes of the node.',
    (node) => node.residentBytes,
  ),
  ofNode('cpu_cores', 'gauge', 'CPU time per second of the workers, in the last second.', ({ cpu }) => cpu),
  ofNode('loop_delay_seconds', 'gauge', 'The latest that a timer came in the last second.', (node) => {
    return node.loopDelayMs / 1000
  }),
  {
    name: 'redis_up',
    type: 'gauge',
    help: '1 while the node is together with its fleet; missing where there is none.',
    lines: ({ state }) => (state.fleet.redis === 'none' ? [] : [[{}, Number(state.fleet.redis === 'up')]]),
  },
  {
    name: 'dashboard_clients',
    type: 'gauge',
    help: 'Sockets of the status stream.',
    lines: ({ stream }) => [[{}, stream.clients]],
  },
  {
    name: 'dashboard_buffered_bytes',
    type: 'gauge',
    help: 'What those sockets have not taken yet.',
    lines: ({ stream }) => [[{}, stream.bufferedBytes]],
  },
  {
    name: 'dashboard_frames_skipped_total',
    type: 'counter',
    help: 'Frames left out for sockets that were behind.',
    lines: ({ stream }) => [[{}, stream.framesSkipped]],
  },
  {
    name: 'dashboard_closed_total',
    type: 'counter',
    help: 'Sockets of the status stream closed by the node, by close code.',
    lines: ({ stream }) => Object.entries(stream.closes).map(([code, count]) => [{ code }, count]),
  },

  ofNode('connections_active', 'gauge', 'Open client connections.', ({ connections }) => connections),
  ofNode('connections_total', 'counter', 'Client connections accepted.', ({ accepted }) => accepted),
  byKey('disconnects_total', 'Client connections ended, by cause.', 'cause', ({ closed }) => closed),
  {
    name: 'requests_total',
    type: 'counter',
    help: 'Requests read, by API and version.',
    lines: (sources) =>
      Object.entries(nodeOf(sources).requests).map(([name, count]) => {
        const [api = '', version = ''] = name.split('/')
        return [{ api, version }, count]
      }),
  },
  ofNode('in_flight_requests', 'gauge', 'Requests read and not answered.', ({ unanswered }) => unanswered),
  ofNode('request_bytes_total', 'counter', 'Bytes read from clients.', ({ bytesRead }) => bytesRead),
  ofNode('response_bytes_total', 'counter', 'Bytes written to clients.', ({ bytesWritten }) => bytesWritten),
  ofNode('memory_reserved_bytes', 'gauge', 'Bytes of the admission ledger.', (node) => node.reservedBytes),
  ofNode('memory_reserved_peak_bytes', 'gauge', 'The most that the ledger held since the start.', (node) => {
    return node.reservedPeak
  }),
  ofNode('memory_budget_bytes', 'gauge', 'Bytes the admission ledger may hold.', (node) => node.memoryBudget),
  ofNode('paused_connections', 'gauge', 'Connections not read because memory is short.', (node) => {
    return node.pausedConnections
  }),
  byKey(
    'refused_batches_total',
    'Batches refused at ingress, by error code.',
    'error',
    (node) => node.refusals,
  ),
  byKey(
    'held_back_total',
    'Times that a limit made clients wait, by cause.',
    'cause',
    (node) => node.heldBack,
  ),

  ofCluster('upstream_up', 'gauge', '1 while the cluster can be reached.', ({ state }) =>
    Number(state !== 'down'),
  ),
  ofCluster('upstream_lanes', 'gauge', 'Produce connections to the cluster.', ({ lanes }) => lanes),
  ofCluster(
    'upstream_connects_total',
    'counter',
    'Connections opened to the cluster.',
    ({ connects }) => connects,
  ),
  ofCluster('topics', 'gauge', 'Topics of the partition map.', ({ topics }) => topics),
  ofCluster('partitions', 'gauge', 'Partitions of the partition map.', ({ partitions }) => partitions),
  ofCluster('refresh_time_seconds', 'gauge', 'When the partition map was last read; 0 = never.', (status) => {
    return (status.refreshedAt ?? 0) / 1000
  }),
  ofCluster('batches_waiting', 'gauge', 'Batches accepted and not answered.', ({ waiting }) => waiting),
  ofCluster('held_bytes', 'gauge', 'Memory of batches that are not answered.', ({ heldBytes }) => heldBytes),
  ofCluster(
    'in_flight_bytes',
    'gauge',
    'Bytes of submissions under way.',
    ({ inFlightBytes }) => inFlightBytes,
  ),
  ofCluster('batches_total', 'counter', 'Batches accepted.', ({ totals }) => totals.batchesIn),
  ofCluster('records_total', 'counter', 'Records in accepted batches.', ({ totals }) => totals.recordsIn),
  ofCluster('record_bytes_total', 'counter', 'Bytes of accepted batches.', ({ totals }) => totals.bytesIn),
  ofCluster('submissions_total', 'counter', 'Produce requests sent.', ({ totals }) => totals.submissions),
  ofCluster('submitted_batches_total', 'counter', 'Batches in those requests.', ({ totals }) => {
    return totals.batchesSubmitted
  }),
  ofCluster('acks_total', 'counter', 'Batches acknowledged by the cluster.', ({ totals }) => totals.acks),
  ofCluster('retries_total', 'counter', 'Batches sent again.', ({ totals }) => totals.retries),
  {
    name: 'errors_total',
    type: 'counter',
    help: 'Batches answered with an error, by Kafka error code.',
    lines: ({ state }) =>
      Object.entries(state.clusters).flatMap(([cluster, { errorCodes }]) =>
        Object.entries(errorCodes).map(([error, count]): Line => [{ cluster, error }, count]),
      ),
  },
  durations(
    'ack_seconds',
    'From the last byte of the request to the answer of an acknowledged batch.',
    'total',
  ),
  durations('ack_gateway_seconds', 'The part of ack_seconds that the gateway took.', 'gateway'),
  durations('ack_upstream_seconds', 'The part of ack_seconds that the cluster took.', 'upstream'),

  ofGrant('grant_lanes', 'Lanes to each broker that the node may have.', ({ lanes }) => lanes),
  ofCluster(
    'lanes_in_use',
    'gauge',
    'Lanes to the broker that has most of them.',
    (status) => status.lanesInUse,
  ),
  ofGrant('grant_in_flight_bytes', 'Bytes that the node may have under way.', (grant) => grant.inFlightBytes),
  ofGrant('grant_submissions_per_second', 'Submissions that the node may send; 0 is no limit.', (grant) => {
    return grant.submissionsPerSecond
  }),
  ofGrant('grant_stale', '1 while the fleet cannot be asked for a grant.', ({ stale }) => Number(stale)),
  ofGrant('grant_overcommitted', '1 when what all nodes need at least exceeds the budget.', (grant) => {
    return Number(grant.overcommitted)
  }),

  ofTopic('topic_records_total', 'Records in accepted batches, by topic.', 'recordsIn'),
  ofTopic('topic_bytes_total', 'Bytes of accepted batches, by topic.', 'bytesIn'),
  ofTopic('topic_errors_total', 'Batches answered with an error, by topic.', 'errors'),
]
