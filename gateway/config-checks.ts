import { type Draft, findRepeats } from '#gateway/config-draft.ts'
import { clusterVirtualId } from '#gateway/config-ids.ts'
import { memoryPerWorker } from '#gateway/config-limits.ts'
import { checkListeners, checkPortOffsets, checkPorts } from '#gateway/config-ports.ts'
import { didYouMean, formatPath, holdsPassword, type Path, type Problem } from '#gateway/config-problems.ts'
import type { Parsed } from '#gateway/config-schema.ts'
import type { Tree } from '#gateway/config-tree.ts'
import { formatSize, isLoopback } from '#gateway/config-values.ts'

/** Reports into `tree.problems` what is wrong between values that are each right. */
export function checkDraft(draft: Draft, tree: Tree): void {
  checkNames(draft, tree)
  checkClusterIds(draft, tree)
  checkWindows(draft, tree)
  checkRoutes(draft, tree)
  checkListeners(draft, tree)
  checkPortOffsets(draft, tree)
  checkPorts(draft, tree)
  checkAdmin(draft, tree)
  checkRedis(draft, tree)
  checkLimits(draft, tree)
  checkDrain(draft, tree)
}

/** Doubtful, but not wrong. */
export function warningsOf(config: Parsed, tree: Tree): Problem[] {
  const warnings: Problem[] = []
  const warn = (path: Path, text: string, hint?: string) => {
    warnings.push({ where: tree.where(path), path: formatPath(path), text, ...(hint ? { hint } : {}) })
  }
  const routed = new Set(config.routes.map(({ cluster }) => cluster))
  config.clusters.forEach(({ name }, i) => {
    if (!routed.has(name)) warn(['clusters', i, 'name'], `"${name}" gets nothing: no route names it`)
  })
  if (config.limits.idleTimeout < 600_000) {
    warn(
      ['limits', 'idleTimeout'],
      'is below 10m: the gateway hangs up before its clients do, which they log',
    )
  }
  const byProxy = config.listeners.every(({ proxyProtocol }) => proxyProtocol === 'required')
  const shared = config.listeners.some(({ advertised }) => advertised.mode === 'shared')
  if (config.limits.maxConnectionsPerAddress > 0 && shared && !byProxy) {
    const hint = 'set proxyProtocol: required if the load balancer sends it'
    warn(
      ['limits', 'maxConnectionsPerAddress'],
      'counts all clients behind a load balancer as one address',
      hint,
    )
  }
  return warnings
}

function checkNames({ clusters = [], listeners = [] }: Draft, tree: Tree): void {
  for (const [list, entries] of Object.entries({ clusters, listeners })) {
    const names = entries.map((entry) => entry?.name)
    findRepeats(names, (first, i, name) => {
      tree.report([list, i, 'name'], `"${name}" is already the name of ${list}[${first}]`)
    })
  }
}

function checkClusterIds({ clusters = [] }: Draft, tree: Tree): void {
  const ids = clusters.map((each, i) => {
    if (each?.id !== undefined || tree.isGiven([...at(i), 'id'])) return each?.id
    return each?.name === undefined ? undefined : clusterVirtualId(each.name)
  })
  findRepeats(ids, (first, i, id) => {
    const [one, other] = [clusters[first]!, clusters[i]!]
    if (one.name === other.name) return
    if (other.id !== undefined)
      tree.report([...at(i), 'id'], `${id} is already the id of clusters[${first}] "${one.name}"`)
    else {
      const text = `"${other.name}" gets the id ${id}, which clusters[${first}] "${one.name}" has already`
      tree.report([...at(i), 'name'], text, `give this cluster an id of its own: \`id\` from 1 to 1023`)
    }
  })
}

function checkWindows({ clusters = [] }: Draft, tree: Tree): void {
  clusters.forEach((cluster, i) => {
    const { maxBytes, inFlightBytes } = cluster?.window ?? {}
    if (maxBytes !== undefined && inFlightBytes !== undefined && inFlightBytes < maxBytes) {
      const path = [...at(i), 'window', 'inFlightBytes']
      tree.report(
        path,
        `must be at least maxBytes (${formatSize(maxBytes)}), but is ${formatSize(inFlightBytes)}`,
      )
    }
    findRepeats(
      (cluster?.bootstrapServers ?? []).map((server) => server && `${server.host}:${server.port}`),
      (first, j, server) => {
        tree.report([...at(i), 'bootstrapServers', j], `"${server}" stands here already, at index ${first}`)
      },
    )
  })
}

function checkRoutes({ routes = [], clusters = [] }: Draft, tree: Tree): void {
  const names = clusters.flatMap((cluster) => cluster?.name ?? [])
  const complete = names.length > 0 && names.length === clusters.length
  routes.forEach((route, i) => {
    const name = route?.cluster
    if (name === undefined || names.includes(name) || !complete) return
    const hint = didYouMean(name, names) ?? `clusters: ${[...new Set(names)].join(', ')}`
    tree.report(['routes', i, 'cluster'], `names the cluster "${name}", which does not exist`, hint)
  })
  const rules = routes.map((route) => ruleOf(route?.match))
  findRepeats(rules, (first, i, rule) => {
    tree.report(['routes', i, 'match'], `says the same as routes[${first}]: ${rule}`)
  })
}

function ruleOf(match: NonNullable<NonNullable<Draft['routes']>[number]>['match']): string | undefined {
  if (match === undefined || match === 'default') return match
  if ('topic' in match) return match.topic && `topic ${match.topic}`
  return 'prefix' in match && match.prefix ? `prefix ${match.prefix}` : undefined
}

function checkAdmin({ admin }: Draft, tree: Tree): void {
  if (!admin?.bind || isLoopback(admin.bind.host) || tree.isGiven(['admin', 'auth'])) return
  const text = 'is not on loopback, so it needs admin.auth: whoever reaches it can drain the node'
  tree.report(['admin', 'bind'], text, 'set admin.auth.tokenFile, or bind to 127.0.0.1')
}

/** Reads what is written down, not what variables brought: those may carry a password. */
function checkRedis({ fleet }: Draft, tree: Tree): void {
  const path = ['fleet', 'redis', 'url']
  const url = fleet?.redis?.url
  if (url === undefined) return
  if (holdsPassword(tree.literal(path))) {
    tree.report(path, 'must not hold a password in clear', 'put it in a file and name that as passwordFile')
  } else if (!URL.canParse(url)) {
    const hint = 'in a password write / as %2F, @ as %40, or use passwordFile'
    tree.report(path, 'is not a valid URL', holdsPassword(url) ? hint : undefined)
  } else if (holdsPassword(url) && fleet?.redis?.passwordFile) {
    tree.report(path, 'holds a password, and passwordFile names another', 'keep one of them')
  }
}

function checkLimits({ limits, node }: Draft, tree: Tree): void {
  const { memory, maxFrameBytes, firstFrameBytes } = limits ?? {}
  if (memory === undefined || maxFrameBytes === undefined) return
  const share = memoryPerWorker(maxFrameBytes)
  const workers = typeof node?.workers === 'number' ? node.workers : 1
  if (memory < share) {
    const text = `must be at least 4 × maxFrameBytes (${formatSize(share)}), but is ${formatSize(memory)}`
    tree.report(['limits', 'memory'], text, 'unfinished frames may hold a quarter of it')
  } else if (memory < share * workers) {
    const needed = `${workers} workers need ${formatSize(share)} each (4 × limits.maxFrameBytes)`
    const text = `is more than limits.memory allows: ${needed}, and limits.memory is ${formatSize(memory)}`
    tree.report(['node', 'workers'], text, `at most ${Math.floor(memory / share)} fit`)
  }
  if (firstFrameBytes !== undefined && firstFrameBytes > maxFrameBytes) {
    const most = `must be at most maxFrameBytes (${formatSize(maxFrameBytes)})`
    const text = `${most}, but is ${formatSize(firstFrameBytes)}`
    tree.report(['limits', 'firstFrameBytes'], text)
  }
}

function checkDrain({ drain }: Draft, tree: Tree): void {
  const { delay, timeout } = drain ?? {}
  if (delay === undefined || timeout === undefined || delay < timeout) return
  tree.report(['drain', 'delay'], `must be shorter than drain.timeout, which includes it`)
}

function at(cluster: number): Path {
  return ['clusters', cluster]
}
