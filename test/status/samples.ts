import { NodeFigures } from '#status/figures.ts'
import { BUCKETS, bucketOf } from '#status/histogram.ts'
import { type NodeSources, reportOf } from '#status/node-report.ts'
import type { ClusterSample, Durations, WorkerSample } from '#status/samples.ts'
import { type Sources, snapshot } from '#status/snapshot.ts'

/** So many of a duration in ms. */
export function durations(...times: [count: number, ms: number][]): Durations {
  const counts: number[] = Array(BUCKETS).fill(0)
  for (const [count, ms] of times) counts[bucketOf(ms)]! += count
  return { counts, sum: times.reduce((sum, [count, ms]) => sum + count * ms, 0) }
}

export const clusterSample = (more: Partial<ClusterSample> = {}): ClusterSample => ({
  state: 'up',
  reason: '',
  retired: false,
  lanes: 2,
  lanesInUse: 2,
  lanesWanted: 3,
  brokersInUse: 1,
  connects: 3,
  waiting: 5,
  inFlightBytes: 700,
  heldBytes: 900,
  totals: {
    batchesIn: 110,
    recordsIn: 220,
    bytesIn: 1000,
    submissions: 40,
    acks: 99,
    errors: 3,
    batchesSubmitted: 100,
    retries: 1,
  },
  errorCodes: { 19: 2, 7: 1 },
  durations: { gateway: durations([99, 1]), upstream: durations([99, 3]), total: durations([99, 4]) },
  topics: { orders: { batchesIn: 110, recordsIn: 220, bytesIn: 1000, acks: 99, errors: 3 } },
  ...more,
})

export const workerSample = (more: Partial<WorkerSample> = {}): WorkerSample => ({
  connections: 7,
  accepted: 8,
  unanswered: 2,
  bytesRead: 100,
  bytesWritten: 50,
  reservedBytes: 30,
  reservedPeak: 60,
  memoryBudget: 1000,
  pausedConnections: 1,
  closed: { idle: 4, drain: 1 },
  addresses: {},
  refusals: { 17: 6 },
  heldBack: { pipelined: 1 },
  requests: { 'Produce/9': 60, 'Metadata/12': 8 },
  processes: { 77: { residentBytes: 1 << 20, cpu: 5_000_000 } },
  loopDelayMs: 2,
  clusters: { eu: clusterSample() },
  clients: [],
  ...more,
})

export const grant = {
  lanes: 24,
  inFlightBytes: 1 << 26,
  submissionsPerSecond: 0,
  stale: false,
  overcommitted: false,
}

const MAP = {
  topics: 4,
  partitions: 12,
  refreshedAt: 1_700_000_000_000,
  refreshError: '',
  refreshFailedAt: null,
}

/** A node that has counted so much, one sample after the other. */
export function nodeSources(samples: (WorkerSample | null)[], more: Partial<NodeSources> = {}): NodeSources {
  const figures = new NodeFigures()
  for (const sample of samples) figures.add(sample, new Set())
  return {
    version: '1.2.3',
    zone: '',
    startedAt: 1_700_000_000_000,
    state: 'serving',
    drained: false,
    configHash: 'abc',
    reload: null,
    workers: 2,
    workersLost: 0,
    sample: samples.at(-1) ?? null,
    own: { 1: { residentBytes: 1 << 20, cpu: 0 } },
    figures,
    grants: new Map([['eu', grant]]),
    ...more,
  }
}

/** The state of one node, without a fleet unless `more` says otherwise. */
export function stateOf(node: NodeSources, more: Partial<Sources> = {}) {
  return snapshot({
    node: 'gw-1',
    fleet: { mode: 'local', redis: 'none', reason: '', since: null },
    own: reportOf(node),
    others: null,
    maps: new Map([...node.grants.keys()].map((name) => [name, MAP])),
    topicOf: () => ({ cluster: 'eu', route: 'default', partitions: 3 }),
    topicNames: [],
    named: { topics: new Set(), clients: new Set() },
    ...more,
  })
}
