import type { ClientStatus, ClusterStatus, NodeStatus, State, TopicStatus } from '#status/contract.ts'
import { nodeSources, stateOf, workerSample } from '#test/status/samples.ts'

/** When the made-up fleets of these tests began, in ms since 1970. */
export const START = 1_790_000_000_000

const ALONE: State = stateOf(nodeSources([workerSample()]))

export const node = (more: Partial<NodeStatus> = {}): NodeStatus => ({ ...ALONE.nodes['gw-1']!, ...more })

export const cluster = (more: Partial<ClusterStatus> = {}): ClusterStatus => ({
  ...ALONE.clusters.eu!,
  ...more,
})

export const topic = (bytesIn = 0): TopicStatus => ({
  cluster: 'eu',
  route: 'default',
  partitions: 3,
  rates: { batchesIn: 1, recordsIn: 10, bytesIn, acks: 1, errors: 0 },
  totals: { batchesIn: 100, recordsIn: 1000, bytesIn: 100 * bytesIn, acks: 100, errors: 0 },
})

export const client = (id: string, bytesIn = 0): ClientStatus => ({
  id,
  address: '10.0.0.1',
  softwareName: 'apache-kafka-java',
  softwareVersion: '4.3.1',
  connections: 1,
  nodes: ['gw-1'],
  rates: { batchesIn: 1, recordsIn: 10, bytesIn, errors: 0 },
})

/** A fleet with Redis: gw-1, which answers, and the cluster eu. */
export const fleet = (more: Partial<State> = {}): State => ({
  node: 'gw-1',
  ts: START,
  fleet: { mode: 'redis', redis: 'up', reason: '', since: START - 3_600_000 },
  nodes: { 'gw-1': node() },
  clusters: { eu: cluster() },
  topics: { orders: topic(100) },
  clients: [client('checkout', 100)],
  ...more,
})
