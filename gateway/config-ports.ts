import { isIP } from 'node:net'
import { type Draft, findRepeats } from '#gateway/config-draft.ts'
import { formatPath, type Path } from '#gateway/config-problems.ts'
import type { Tree } from '#gateway/config-tree.ts'
import { isLoopback, isWildcard } from '#gateway/config-values.ts'

const MAX_PORT = 65_535

type Listener = NonNullable<NonNullable<Draft['listeners']>[number]>

/** The advertised host fits the mode and is one that a client can connect to. */
export function checkListeners({ listeners = [] }: Draft, tree: Tree): void {
  listeners.forEach((listener, i) => {
    if (!listener) return
    checkAdvertisedHost(listener, ['listeners', i, 'advertised', 'host'], tree)
    const port = listener.advertised?.port
    if (port && listener.bind?.port === 0) {
      const text = 'must be left out when the port of bind is 0: the port that was bound is advertised'
      tree.report(['listeners', i, 'advertised', 'port'], text)
    }
  })
}

function checkAdvertisedHost({ bind, advertised }: Listener, path: Path, tree: Tree): void {
  const { host, mode } = advertised ?? {}
  const perNode = mode === 'per_node'
  if (host === undefined) {
    if (tree.isGiven(path)) return
    if (perNode)
      tree.report(path, 'is missing: per_node mode needs one with {node}, such as {node}.gw.example.com')
    else if (bind && !isLoopback(bind.host)) {
      const hint = 'only a loopback bind may leave it out'
      tree.report(path, 'is missing: it must be the name by which clients reach this listener', hint)
    }
    return
  }
  const varies = host.includes('{node}')
  if (perNode && !varies) {
    tree.report(
      path,
      `must contain {node} in per_node mode, but is "${host}"`,
      'such as {node}.gw.example.com',
    )
  }
  if (mode === 'shared' && varies) {
    tree.report(
      path,
      `must not contain {node} in shared mode, but is "${host}"`,
      'set advertised.mode: per_node',
    )
  }
  if (isWildcard(host)) tree.report(path, `must be an address that clients can connect to, but is "${host}"`)
}

/** DESIGN §5: two virtual brokers at one port lose messages of kafkajs without a word. */
export function checkPortOffsets({ clusters = [], listeners = [] }: Draft, tree: Tree): void {
  if (!listeners.some((listener) => listener?.advertised?.perCluster)) return
  const offsets = clusters.map((cluster) => cluster?.portOffset)
  findRepeats(offsets, (first, i, offset) => {
    const text = `${offset} is already the portOffset of clusters[${first}] "${clusters[first]?.name}"`
    tree.report(['clusters', i, 'portOffset'], text)
  })
  if (clusters.length < 2) return
  const free = firstFree(offsets)
  clusters.forEach((cluster, i) => {
    if (!cluster || tree.isGiven(['clusters', i, 'portOffset'])) return
    const text = 'is missing: with several clusters each needs a port of its own'
    tree.report(['clusters', i, 'portOffset'], text, `${free} is free`)
  })
}

/** A port that somebody binds. */
interface Bound {
  host: string
  port: number
  /** In words, for the error. */
  user: string
  path: Path
  /** What it belongs to: clashes within one listener are clashes of `portOffset`, reported there. */
  owner: string
}

/**
 * No two of listeners, cluster ports, admin and health want the same port. Port 0 never clashes. Of the two,
 * the later one is reported, unless it is a default and the other is not.
 */
export function checkPorts(draft: Draft, tree: Tree): void {
  const bound = [...listenerPorts(draft, tree)]
  for (const key of ['admin', 'health'] as const) {
    const bind = draft[key]?.bind
    if (bind) bound.push({ ...bind, user: `${key}.bind`, path: [key, 'bind'], owner: key })
  }
  const reported = new Set<string>()
  bound.forEach((later, i) => {
    if (later.port === 0) return
    const earlier = bound.slice(0, i).find((each) => clash(each, later))
    const pair = `${earlier?.owner} ${later.owner}`
    if (!earlier || reported.has(pair)) return
    reported.add(pair)
    const swap = !tree.isGiven(later.path) && tree.isGiven(earlier.path)
    const [subject, other] = swap ? [earlier, later] : [later, earlier]
    const self = subject.user === formatPath(subject.path) ? '' : ` (${subject.user})`
    tree.report(subject.path, `takes port ${subject.port}${self}, which ${other.user} takes too`)
  })
}

function* listenerPorts({ listeners = [], clusters = [] }: Draft, tree: Tree): Iterable<Bound> {
  for (const [i, listener] of listeners.entries()) {
    const bind = listener?.bind
    if (!bind) continue
    const path: Path = ['listeners', i, 'bind']
    const user = formatPath(path)
    yield { ...bind, user, path, owner: user }
    if (bind.port === 0 || !listener.advertised?.perCluster) continue
    const highest = Math.max(bind.port, listener.advertised.port ?? 0)
    for (const [j, cluster] of clusters.entries()) {
      const offset = cluster?.portOffset ?? 0
      if (highest + offset > MAX_PORT) {
        const text = `${offset} leads beyond port ${MAX_PORT}: ${listener.name ?? user} starts at ${highest}`
        tree.report(['clusters', j, 'portOffset'], text)
      } else if (offset > 0) {
        const words = `${user} + portOffset ${offset} of cluster "${cluster?.name}"`
        yield { host: bind.host, port: bind.port + offset, user: words, path, owner: user }
      }
    }
  }
}

function clash(a: Bound, b: Bound): boolean {
  return a.port === b.port && a.owner !== b.owner && overlap(plain(a.host), plain(b.host))
}

function overlap(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true
  if (a === '0.0.0.0') return isIP(b) !== 6
  return b === '0.0.0.0' && isIP(a) !== 6
}

function plain(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host.toLowerCase()
}

function firstFree(offsets: readonly (number | undefined)[]): number {
  let free = 1
  while (offsets.includes(free)) free++
  return free
}
