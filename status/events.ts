import type { ClusterStatus, EventKind, NodeStatus, State, StatusEvent } from '#status/contract.ts'
import { own } from '#status/own.ts'

/** Reasons come from elsewhere and may be long. */
const MAX_TEXT = 500
/** After Redis was back for so long all others have been heard of again, in ms. */
const SETTLED_MS = 10_000

type Severity = StatusEvent['severity']

/** What has happened between two states. */
export function eventsBetween(before: State, after: State): StatusEvent[] {
  const events: StatusEvent[] = []
  const tell = (
    kind: EventKind,
    severity: Severity,
    text: string,
    of: { node?: string; cluster?: string },
  ) => {
    const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
    events.push({ ts: after.ts, kind, severity, ...of, text: short })
  }
  const seesOthers = seesFleet(before) && seesFleet(after)
  for (const id of namesOf(before.nodes, after.nodes)) {
    if (id !== after.node && !seesOthers) continue
    const [old, now] = [own(before.nodes, id), own(after.nodes, id)]
    for (const [kind, severity, text] of nodeEvents(id, old, now)) tell(kind, severity, text, { node: id })
  }
  for (const [name, cluster] of Object.entries(after.clusters)) {
    const event = clusterEvent(name, own(before.clusters, name), cluster)
    if (event) tell('cluster_state', ...event, { cluster: name })
  }
  const redis = redisEvent(before, after)
  if (redis) tell('redis_state', ...redis, { node: after.node })
  const drift = seesOthers && driftEvent(before, after)
  if (drift) tell('config_drift', ...drift, {})
  return events
}

/** Without Redis the others only seem to be gone, and with it they seem to join. */
function seesFleet({ ts, fleet: { redis, since } }: State): boolean {
  return redis !== 'down' && (since === null || ts - since > SETTLED_MS)
}

type Told = [severity: Severity, text: string]

function* nodeEvents(
  id: string,
  before: NodeStatus | undefined,
  now: NodeStatus | undefined,
): Generator<[EventKind, ...Told]> {
  const was = before?.state ?? 'gone'
  const is = now?.state ?? 'gone'
  if (is === 'gone') {
    if (was === 'draining') yield ['node_gone', 'info', `${id} has left after its drain`]
    else if (was !== 'gone') yield ['node_gone', 'error', `${id} is gone without a drain`]
    return
  }
  if (was === 'gone') return yield ['node_joined', 'info', `${id} has joined: it is ${is}`]
  if (before!.startedAt !== now!.startedAt) {
    return yield ['node_joined', 'warning', `${id} was started anew: it is ${is}`]
  }
  if (was !== is) yield ['node_state', is === 'draining' ? 'warning' : 'info', `${id} is ${is}`]
  if (now!.drained && !before!.drained) yield ['node_state', 'info', `${id} is drained`]
  if (now!.workersLost > before!.workersLost) yield ['worker_lost', 'error', lostText(id, before!, now!)]
  const { reload } = now!
  if (reload && reload.at !== before!.reload?.at) {
    const text = reload.text.join('; ')
    if (reload.ok) yield ['reload', 'info', `${id} has reloaded: ${text || 'nothing has changed'}`]
    else yield ['reload', 'error', `${id} has refused a reload: ${text}`]
  }
}

function lostText(id: string, before: NodeStatus, now: NodeStatus): string {
  const lost = now.workersLost - before.workersLost
  return `${id} has lost ${lost === 1 ? 'a worker' : `${lost} workers`} and started anew what was lost`
}

/** One that a reload has brought is no news until it changes. */
function clusterEvent(name: string, before: ClusterStatus | undefined, now: ClusterStatus): Told | undefined {
  if (!before || before.state === now.state) return
  if (now.state === 'up') return ['info', `${name} is up again`]
  return [now.state === 'down' ? 'error' : 'warning', `${name} is ${now.state}: ${now.reason}`]
}

function redisEvent({ fleet: before }: State, { fleet: now }: State): Told | undefined {
  if (before.redis === now.redis || now.redis === 'none') return
  if (now.redis === 'up') return ['info', 'Redis is back: the figures are those of the fleet']
  return ['warning', `Redis is lost: ${now.reason}. The figures are those of this node alone`]
}

function driftEvent(before: State, after: State): Told | undefined {
  const [old, now] = [configsOf(before), configsOf(after)]
  if (now.size > 1 && old.size <= 1) {
    const groups = [...now].map(([hash, nodes]) => `${hash} on ${nodes.join(', ')}`)
    return ['warning', `the nodes run ${now.size} configurations: ${groups.join('; ')}`]
  }
  if (now.size === 1 && old.size > 1) return ['info', 'all nodes run the same configuration again']
}

/** Live nodes by the hash of their configuration. */
function configsOf({ nodes }: State): Map<string, string[]> {
  const configs = new Map<string, string[]>()
  for (const [id, { state, configHash }] of Object.entries(nodes)) {
    if (state !== 'gone') configs.set(configHash, [...(configs.get(configHash) ?? []), id])
  }
  return configs
}

function namesOf(...maps: object[]): Set<string> {
  return new Set(maps.flatMap((map) => Object.keys(map)))
}
