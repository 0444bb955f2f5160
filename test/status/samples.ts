import type { ClusterSample, WorkerSample } from '#status/contract.ts'

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
  clusters: { eu: clusterSample() },
  ...more,
})

export const grant = {
  lanes: 24,
  inFlightBytes: 1 << 26,
  submissionsPerSecond: 0,
  stale: false,
  overcommitted: false,
}

/** What a snapshot needs beside counts. */
export const nodeSources = {
  node: 'gw-1',
  version: '1.2.3',
  state: 'serving',
  drained: false,
  configHash: 'abc',
  fleet: { mode: 'local', redis: 'none', reason: '' },
  others: {},
  reload: null,
  workers: 2,
} as const
