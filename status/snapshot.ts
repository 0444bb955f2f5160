import type {
  ClientStatus,
  ClusterStatus,
  FleetStatus,
  NodeCluster,
  State,
  TopicStatus,
} from '#status/contract.ts'
import { latencyOf } from '#status/figures.ts'
import { addUp, mergeClients } from '#status/merge.ts'
import type { OtherNodes } from '#status/other-nodes.ts'
import { own } from '#status/own.ts'
import type { NodeReport, TopicReport } from '#status/samples.ts'
import { OTHER, TOP, topClients, topTopics } from '#status/top.ts'

/** What the partition map says of a cluster. */
export type MapStatus = Pick<
  ClusterStatus,
  'topics' | 'partitions' | 'refreshedAt' | 'refreshError' | 'refreshFailedAt'
>

/** What a snapshot is put together from. */
export interface Sources {
  node: string
  fleet: FleetStatus
  own: NodeReport
  /** None: the node alone. */
  others: OtherNodes | null
  /** By cluster of the configuration. */
  maps: ReadonlyMap<string, MapStatus>
  /** What is known of a topic, whether anybody writes to it or not. */
  topicOf(name: string): Pick<TopicStatus, 'cluster' | 'route' | 'partitions'>
  /** Of the partition maps. */
  topicNames: Iterable<string>
  /** Topics and `client.id`s that are wanted beside the top ones. */
  named: { topics: ReadonlySet<string>; clients: ReadonlySet<string> }
}

const NO_TOPIC: TopicReport = {
  totals: { batchesIn: 0, recordsIn: 0, bytesIn: 0, acks: 0, errors: 0 },
  rates: { batchesIn: 0, recordsIn: 0, bytesIn: 0, acks: 0, errors: 0 },
}

/** The fleet as this node knows it. */
export function snapshot(sources: Sources): State {
  const { node, fleet, own, others, maps, named } = sources
  const reports: [string, NodeReport][] = [[node, own], ...(others?.reports() ?? [])]
  const clusters: Record<string, ClusterStatus> = {}
  for (const [name, map] of maps) clusters[name] = { ...clusterOf(name, reports), ...map }
  return {
    node,
    ts: Date.now(),
    fleet,
    nodes: { ...others?.statuses(), [node]: own.status },
    clusters,
    topics: topicsOf(sources, reports),
    clients: topClients(clientsOf(reports), named.clients),
  }
}

/** @param reports of the live nodes, the one that answers first */
function clusterOf(name: string, reports: [string, NodeReport][]): NodeCluster {
  const views = reports.flatMap(([node, { status }]) => {
    const view = own(status.clusters, name)
    return view ? [{ node, view }] : []
  })
  const sum = views.map(({ view }) => view).reduce((a, b) => addUp(a, b))
  const durations = reports.flatMap(([, report]) => own(report.durations, name) ?? [])
  return {
    ...sum,
    ...stateOf(views),
    grant: views[0]!.view.grant,
    batchesPerSubmission: packing(views.map(({ view }) => view)),
    latencyMs: latencyOf(durations.reduce((a, b) => addUp(a, b))),
  }
}

/** What all nodes agree on; else degraded, in the words of the one that is worst off. */
function stateOf(views: { node: string; view: NodeCluster }[]): Pick<NodeCluster, 'state' | 'reason'> {
  const { state, reason } = views[0]!.view
  if (views.every(({ view }) => view.state === state)) return { state, reason }
  const worst =
    views.find(({ view }) => view.state === 'down') ?? views.find(({ view }) => view.state === 'degraded')!
  return { state: 'degraded', reason: `${worst.view.state} for ${worst.node}: ${worst.view.reason}` }
}

function packing(views: NodeCluster[]): number {
  let submissions = 0
  let batches = 0
  for (const { rates, batchesPerSubmission } of views) {
    submissions += rates.submissions
    batches += rates.submissions * batchesPerSubmission
  }
  return submissions > 0 ? batches / submissions : Math.max(...views.map((view) => view.batchesPerSubmission))
}

function topicsOf({ topicOf, topicNames, named }: Sources, reports: [string, NodeReport][]): State['topics'] {
  const sums: Record<string, TopicReport> = {}
  for (const [, { topics }] of reports) {
    for (const [name, report] of Object.entries(topics)) {
      const known = own(sums, name)
      sums[name] = known ? addUp(known, report) : report
    }
  }
  let idle = TOP - Object.keys(sums).length
  for (const name of topicNames) {
    if (idle <= 0) break
    if (Object.hasOwn(sums, name)) continue
    sums[name] = NO_TOPIC
    idle--
  }
  for (const name of named.topics) if (!Object.hasOwn(sums, name)) sums[name] = NO_TOPIC
  const shown = Object.entries(topTopics(sums, named.topics))
  return Object.fromEntries(shown.map(([name, report]) => [name, { ...placeOf(name, topicOf), ...report }]))
}

function placeOf(name: string, topicOf: Sources['topicOf']): ReturnType<Sources['topicOf']> {
  return name === OTHER ? { cluster: null, route: '', partitions: 0 } : topicOf(name)
}

function clientsOf(reports: [string, NodeReport][]): ClientStatus[] {
  return mergeClients(
    reports.flatMap(([node, { clients }]) => clients.map((client) => ({ ...client, nodes: [node] }))),
  )
}
