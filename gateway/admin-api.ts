import type { FastifyInstance } from 'fastify'
import { shownConfig } from '#gateway/config-print.ts'
import { didYouMean } from '#gateway/config-problems.ts'
import type { RouteConfig } from '#gateway/config-schema.ts'
import type { Control } from '#gateway/control.ts'
import type { LiveStatus, Named } from '#gateway/live-status.ts'
import { RouteTable } from '#gateway/route.ts'
import { MAX_NAME_LENGTH, MAX_NAMES } from '#status/client-frames.ts'

type Query = Record<string, string | string[] | undefined>

/** What was asked makes no sense; the words say why. Fastify answers with the code. */
class BadRequest extends Error {
  readonly statusCode = 400
}

/** `GET /api/v1/…`: the live status in whole and in parts, and what the node was told to do. */
export function addApi(
  app: FastifyInstance,
  control: Control,
  live: Pick<LiveStatus, 'state' | 'own'>,
): void {
  app.get('/api/v1/state', async ({ query }) => {
    const { scope, ...named } = readQuery(query as Query, ['scope', 'topic', 'client'])
    const names: Named = { topics: named.topic ?? [], clients: named.client ?? [] }
    return isNodeOnly(scope) ? live.own(names) : live.state(names)
  })
  app.get('/api/v1/clusters', async ({ query }) => {
    readQuery(query as Query, [])
    return live.state().clusters
  })
  app.get('/api/v1/nodes', async ({ query }) => {
    readQuery(query as Query, [])
    return live.state().nodes
  })
  app.get('/api/v1/clients', async ({ query }) => {
    const { id: ids } = readQuery(query as Query, ['id'])
    if (!ids) return live.state().clients
    return live.state({ topics: [], clients: ids }).clients.filter(({ id }) => ids.includes(id))
  })
  app.get('/api/v1/routes', async ({ query }) => {
    readQuery(query as Query, [])
    return routesOf(control)
  })
  app.get('/api/v1/config', async ({ query }) => {
    readQuery(query as Query, [])
    return shownConfig(control.config)
  })
}

/** The values of each parameter, none left out. @throws BadRequest */
function readQuery(query: Query, known: readonly string[]): Record<string, string[] | undefined> {
  for (const [name, given] of Object.entries(query)) {
    if (!known.includes(name)) {
      const hint = didYouMean(name, known)
      throw new BadRequest(`there is no parameter ${JSON.stringify(name)} here${hint ? `; ${hint}` : ''}`)
    }
    const values = (query[name] = [given ?? []].flat())
    if (values.length > MAX_NAMES) {
      throw new BadRequest(`${name} may be given ${MAX_NAMES} times, not ${values.length} times`)
    }
    const long = values.find(({ length }) => length > MAX_NAME_LENGTH)
    if (long !== undefined) {
      throw new BadRequest(`${name} may have ${MAX_NAME_LENGTH} characters, not ${long.length}`)
    }
  }
  return query as Record<string, string[] | undefined>
}

/** @throws BadRequest */
function isNodeOnly(scope: string[] = ['fleet']): boolean {
  const [value] = scope
  if (scope.length === 1 && (value === 'node' || value === 'fleet')) return value === 'node'
  throw new BadRequest(
    `scope must be fleet or node, but is ${scope.map((each) => JSON.stringify(each)).join(', ')}`,
  )
}

/** The rules, each before those that it goes before, and how many of their cluster's topics they take. */
function routesOf({ config, fleet }: Control): (RouteConfig & { topics: number })[] {
  const rules = [...config.routes].sort((a, b) => rankOf(b) - rankOf(a))
  const counts = new Map<RouteConfig, number>()
  const table = new RouteTable(config.routes)
  for (const { name } of config.clusters) {
    for (const [topic, { internal }] of fleet.clusters.get(name)?.map.topics ?? []) {
      // Clients see a topic on the cluster that its rule names, and nowhere else.
      if (internal || table.find(topic) !== name) continue
      const rule = rules.find(({ match }) => takes(match, topic))!
      counts.set(rule, (counts.get(rule) ?? 0) + 1)
    }
  }
  return rules.map((rule) => ({ ...rule, topics: counts.get(rule) ?? 0 }))
}

/** Topics before prefixes, long prefixes before short ones. */
function rankOf({ match }: RouteConfig): number {
  if (match === 'default') return -1
  return 'topic' in match ? Number.MAX_SAFE_INTEGER : match.prefix.length
}

function takes(match: RouteConfig['match'], topic: string): boolean {
  if (match === 'default') return true
  return 'topic' in match ? match.topic === topic : topic.startsWith(match.prefix)
}
