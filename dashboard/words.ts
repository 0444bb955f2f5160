import { list, plural, shortHash, span, timeOfDay } from '#dashboard/format.ts'
import type { ClusterState, NodeState, NodeStatus, State } from '#status/contract.ts'

export type Mood = 'good' | 'warning' | 'bad'

export interface Sentence {
  text: string
  mood: Mood
}

const NODE_STATES: NodeState[] = ['serving', 'starting', 'draining', 'gone']

/** How the fleet is, in one sentence. */
export function fleetSentence(state: State): Sentence {
  const nodes = nodesClause(state)
  const clusters = clustersClause(state)
  const mood = [nodes.mood, clusters.mood].includes('bad')
    ? 'bad'
    : [nodes.mood, clusters.mood, redisSentence(state)?.mood].includes('warning')
      ? 'warning'
      : 'good'
  return { text: `${nodes.text}; ${clusters.text}.`, mood }
}

function nodesClause(state: State): Sentence {
  const all = Object.values(state.nodes)
  const counts = NODE_STATES.map((kind) => all.filter((node) => node.state === kind).length)
  const [serving] = counts as [number]
  const mood = serving === 0 ? 'bad' : serving === all.length ? 'good' : 'warning'
  if (serving === all.length) {
    const which = all.length === 1 ? '1 node' : all.length === 2 ? 'Both nodes' : `All ${all.length} nodes`
    return { text: `${which} serving`, mood }
  }
  const others = NODE_STATES.flatMap((kind, i) => (i > 0 && counts[i]! > 0 ? [`${counts[i]} ${kind}`] : []))
  return { text: [`${serving} of ${plural(all.length, 'node')} serving`, ...others].join(', '), mood }
}

function clustersClause(state: State): Sentence {
  const all = Object.entries(state.clusters)
  if (all.length === 0) return { text: 'no cluster is configured', mood: 'warning' }
  const unwell = all.filter(([, { state }]) => state !== 'up')
  if (unwell.length === 0) {
    const which =
      all.length === 1
        ? `cluster ${all[0]![0]}`
        : all.length === 2
          ? 'both clusters'
          : `all ${all.length} clusters`
    return { text: `${which} up`, mood: 'good' }
  }
  const names = unwell.map(([name, { state }]) => `${name} ${state}`)
  const mood = unwell.some(([, { state }]) => state === 'down') ? 'bad' : 'warning'
  return { text: `${unwell.length === 1 ? 'cluster' : 'clusters'} ${list(names)}`, mood }
}

/** Why clusters are not up, one sentence each. */
export function clusterReasons(state: State): { name: string; state: ClusterState; reason: string }[] {
  return Object.entries(state.clusters)
    .filter(([, cluster]) => cluster.state !== 'up')
    .map(([name, cluster]) => ({ name, state: cluster.state, reason: cluster.reason }))
}

/** Null where a node runs alone on purpose. */
export function redisSentence({ fleet }: State): Sentence | null {
  if (fleet.mode === 'local') return null
  if (fleet.redis === 'up') return { text: 'Redis up', mood: 'good' }
  const since = fleet.since == null ? '' : ` since ${timeOfDay(fleet.since)}`
  return { text: `This node only: Redis unreachable${since}`, mood: 'warning' }
}

/** Whether the live nodes are configured alike. */
export function configSentence(state: State): Sentence {
  const groups = groupNodes(state, ({ configHash }) => shortHash(configHash))
  const hashes = [...groups.keys()]
  if (hashes.length < 2) {
    const alone = Object.keys(liveNodes(state)).length < 2
    return {
      text: `Configuration ${hashes[0] ?? 'unknown'}${alone ? '' : ', equal on all nodes'}`,
      mood: 'good',
    }
  }
  const parts = hashes.map((hash) => `${hash} on ${list(groups.get(hash)!)}`)
  return { text: `Configuration differs: ${parts.join('; ')}`, mood: 'warning' }
}

export function versionSentence(state: State): Sentence {
  const groups = groupNodes(state, ({ version }) => version)
  const versions = [...groups.keys()]
  if (versions.length < 2) return { text: `Version ${versions[0] ?? 'unknown'}`, mood: 'good' }
  const parts = versions.map((version) => `${version} on ${list(groups.get(version)!)}`)
  return { text: `Versions differ: ${parts.join('; ')}`, mood: 'warning' }
}

function groupNodes(state: State, by: (node: NodeStatus) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [id, node] of Object.entries(liveNodes(state))) {
    groups.set(by(node), [...(groups.get(by(node)) ?? []), id])
  }
  return groups
}

export function liveNodes(state: State): Record<string, NodeStatus> {
  return Object.fromEntries(Object.entries(state.nodes).filter(([, node]) => node.state !== 'gone'))
}

/** A sample of another node may be late by so much before it is called old. */
const LATE_MS = 3500

/** What a node does, and how old that is if it is not of now. */
export function nodeWords(node: NodeStatus, now: number): { text: string; old: boolean } {
  const age = now - node.seenAt
  if (node.state === 'gone') return { text: `gone, last seen ${span(age)} ago`, old: true }
  const what = node.state === 'draining' && node.drained ? 'drained' : node.state
  return age > LATE_MS ? { text: `${what}, as of ${span(age)} ago`, old: true } : { text: what, old: false }
}
