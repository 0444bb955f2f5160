import { parseArgs } from 'node:util'

/** What a scenario asks of its surroundings. */
interface Needs {
  clusters: 1 | 2
  /** What it does to them, in words: only the local stage lets it. */
  breaks?: string
  /** Nodes that may run at a time; default 3. */
  nodes?: number
  admin?: true
}

/** By the names of the files in loadtests/k6. */
export const SCENARIOS: Record<string, Needs> = {
  'many-small-producers': { clusters: 1 },
  'mixed-clusters': { clusters: 2 },
  failover: { clusters: 1, breaks: 'kills a node' },
  'rolling-drain': { clusters: 1, breaks: 'restarts the nodes' },
  'blue-green': { clusters: 1, breaks: 'replaces the nodes', nodes: 6 },
  'cluster-down': { clusters: 2, breaks: 'kills a cluster' },
  'redis-down': { clusters: 1, breaks: 'kills Redis' },
  'dashboard-ws': { clusters: 1, admin: true },
}
const PROFILES = ['smoke', 'average', 'stress', 'soak']

/** A gateway that runs somewhere, instead of the local stage. */
export interface Remote {
  brokers: string
  /** The clusters behind it, to make topics in and to read them back. */
  upstreams: { topic: string; brokers: string }[]
  admin: string[]
}

export interface Run {
  scenario: string
  profile: string
  needs: Needs
  /** The load alone, straight to the clusters. */
  direct: boolean
  /** Null: the local stage. */
  remote: Remote | null
  /** Folder for report and summary; null: one of its own under `.cache/loadtests`. */
  results: string | null
}

/** For the terminal: what is wrong with the arguments, in one line. */
export class UsageError extends Error {}

const OPTIONS = {
  direct: { type: 'boolean', default: false },
  brokers: { type: 'string' },
  upstream: { type: 'string', multiple: true, default: [] as string[] },
  admin: { type: 'string', multiple: true, default: [] as string[] },
  results: { type: 'string' },
} as const

/** @throws UsageError */
export function parse(args: string[]): Run {
  const { values, positionals } = parsed(args)
  const [scenario = '', profile = '', ...more] = positionals
  const needs = Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario] : undefined
  if (!needs) throw new UsageError(`no scenario '${scenario}': ${Object.keys(SCENARIOS).join(', ')}`)
  if (!PROFILES.includes(profile)) throw new UsageError(`no profile '${profile}': ${PROFILES.join(', ')}`)
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(' ')}`)
  const { direct, brokers, admin, results = null } = values
  const upstreams = values.upstream.map(upstreamOf)
  if (brokers === undefined) {
    if (upstreams.length + admin.length > 0) throw new UsageError('--upstream and --admin go with --brokers')
    return { scenario, profile, needs, direct, remote: null, results }
  }
  const remote = { brokers, upstreams, admin }
  checkRemote(remote, { scenario, needs, direct })
  return { scenario, profile, needs, direct, remote, results }
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function upstreamOf(text: string): { topic: string; brokers: string } {
  const [, topic, brokers] = text.match(/^([^=]+)=([^=]+:\d+)$/) ?? []
  if (!topic || !brokers) throw new UsageError(`--upstream is TOPIC=HOST:PORT,..., not '${text}'`)
  return { topic, brokers }
}

function checkRemote(
  remote: Remote,
  { scenario, needs, direct }: Pick<Run, 'scenario' | 'needs' | 'direct'>,
) {
  if (needs.breaks && !direct) {
    const text = `${scenario} ${needs.breaks}, which it can only do to the local stage: leave out --brokers`
    throw new UsageError(text)
  }
  if (!/^[^,]+:\d+(,[^,]+:\d+)*$/.test(remote.brokers)) {
    throw new UsageError(`--brokers is HOST:PORT,..., not '${remote.brokers}'`)
  }
  if (remote.upstreams.length !== needs.clusters) {
    const text = `${scenario} wants --upstream TOPIC=HOST:PORT,... ${needs.clusters === 1 ? 'once' : 'twice'}`
    throw new UsageError(`${text}: a topic that the gateway routes to that cluster`)
  }
  if (needs.admin && !direct && remote.admin.length === 0) {
    throw new UsageError(`${scenario} wants --admin http://HOST:PORT of a node`)
  }
}
