import { CLOSE_REASONS } from '#gateway/close-reasons.ts'
import type { ClusterLink } from '#gateway/cluster-link.ts'
import type { LoopDelay } from '#gateway/loop-delay.ts'
import type { Worker } from '#gateway/worker.ts'
import type { ClusterSample, WorkerSample } from '#status/samples.ts'

/** A counter that begins with its first event is one event short for whoever watches it grow. */
const NONE_CLOSED = Object.fromEntries(Object.keys(CLOSE_REASONS).map((reason) => [reason, 0]))

/** What a worker reports of itself once a second. */
export function sampleOf(worker: Worker, loop: LoopDelay): WorkerSample {
  const { admission, counters } = worker
  return {
    connections: worker.connections.size,
    accepted: counters.connections,
    unanswered: counters.unanswered,
    bytesRead: counters.bytesRead,
    bytesWritten: counters.bytesWritten,
    reservedBytes: admission.used,
    reservedPeak: admission.peak,
    memoryBudget: admission.budget,
    pausedConnections: admission.paused,
    closed: { ...NONE_CLOSED, ...Object.fromEntries(counters.closed) },
    addresses: worker.addresses,
    refusals: Object.fromEntries(counters.refusals),
    heldBack: { ...Object.fromEntries(counters.heldBack), unknown_topic: worker.topics.deferred },
    requests: counters.requests(),
    processes: processSample(),
    loopDelayMs: loop.take(),
    clients: worker.clients.report(),
    clusters: Object.fromEntries(
      // One in use comes after one of the same name that was removed.
      [...worker.leaving, ...worker.links.values()].map((link) => [link.name, clusterSample(link)]),
    ),
  }
}

function clusterSample(link: ClusterLink): ClusterSample {
  const { cluster, engine, counters, sockets, cap } = link
  const { batchesIn, recordsIn, bytesIn, submissions, batchesSubmitted, acks, errors, retries } = counters
  return {
    state: cluster.state,
    reason: cluster.reason,
    retired: false,
    lanes: sockets.connected,
    ...link.demand(),
    connects: cluster.connects,
    waiting: engine.waiting,
    inFlightBytes: engine.inFlightBytes,
    heldBytes: cap.held,
    totals: { batchesIn, recordsIn, bytesIn, submissions, batchesSubmitted, acks, errors, retries },
    errorCodes: Object.fromEntries(counters.errorCodes),
    durations: counters.durations(),
    topics: counters.topics(),
  }
}

/** This process, by its id. */
export function processSample(): WorkerSample['processes'] {
  const { user, system } = process.cpuUsage()
  return { [process.pid]: { residentBytes: process.memoryUsage.rss(), cpu: user + system } }
}
