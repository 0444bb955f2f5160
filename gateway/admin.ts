import { createHash, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Conflict, type Control } from '#gateway/control.ts'
import { Refusal } from '#gateway/reload.ts'
import { VERSION } from '#gateway/version.ts'
import type { NodeStatus, State } from '#status/contract.ts'
import { metricsPage } from '#status/metrics-page.ts'
import { snapshot } from '#status/snapshot.ts'

/** What this node knows, in the shape of `GET /api/v1/state`. */
export function stateOf(control: Control): State {
  const maps = new Map(
    control.config.clusters.map(({ name }) => {
      const { map, refreshedAt, error, errorAt } = control.fleet.clusters.get(name)!
      const read = { refreshedAt, refreshError: error, refreshFailedAt: errorAt }
      return [name, { topics: map.topics.size, partitions: map.partitions, ...read }]
    }),
  )
  const { node } = control.config
  return snapshot({
    node: node.id,
    version: VERSION,
    state: control.state,
    drained: control.drained,
    configHash: control.configHash,
    reload: control.lastReload,
    workers: node.workers,
    sample: control.pool.sample(),
    fleet: { mode: control.fleet.mode, redis: control.fleet.redis.state, reason: control.fleet.redis.reason },
    others: othersOf(control),
    grants: control.grants,
    maps,
  })
}

/** A node says of itself what stands here; one that has not yet said anything is left out until it has. */
function othersOf({ fleet, config }: Control): Record<string, NodeStatus> {
  const others = fleet.nodes().filter(({ id, sample }) => id !== config.node.id && sample !== null)
  return Object.fromEntries(others.map(({ id, state, sample }) => [id, { ...(sample as NodeStatus), state }]))
}

/** Dashboard, API and metrics. @throws Error that names the setting, when the port cannot be bound */
export async function openAdmin(control: Control, token: string | null): Promise<FastifyInstance> {
  const app = fastify()
  const { allowedOrigins, bind } = control.config.admin
  if (token !== null) {
    const expected = digest(`Bearer ${token}`)
    app.addHook('onRequest', async (request, reply) => {
      if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected))
        await reply.code(401).send({ error: 'unauthorized' })
    })
  }
  app.addHook('onRequest', async (request, reply) => {
    if (request.method === 'POST' && !isOwnPage(request, allowedOrigins))
      await reply.code(403).send({ error: 'the page comes from elsewhere: see admin.allowedOrigins' })
  })
  addOrders(app, control)
  app.get('/api/v1/state', async () => stateOf(control))
  app.get('/metrics', async (_request, reply) => {
    reply.type('text/plain; version=0.0.4')
    return metricsPage(stateOf(control))
  })
  addHealth(app, control)
  await listen(app, 'admin.bind', bind)
  return app
}

/** Of equal length, so that comparing two of them takes the same time whatever they are. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A web page anywhere may make a browser send a POST; browsers say then where it came from. */
function isOwnPage({ headers }: FastifyRequest, allowedOrigins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || allowedOrigins.includes(origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

/**
 * `POST /drain`, `/undrain` and `/reload`. 200: done, or under way. 400: the configuration is wrong. 409: it
 * makes no sense now. 500: it could not be done. In words, and nothing has changed unless it is 200.
 */
function addOrders(app: FastifyInstance, control: Control): void {
  app.post('/drain', (_request, reply) =>
    obey(reply, async () => {
      const { delay, timeout } = control.config.drain
      control.drain()
      return { state: control.state, drained: control.drained, delayMs: delay, timeoutMs: timeout }
    }),
  )
  app.post('/undrain', (_request, reply) =>
    obey(reply, async () => {
      await control.undrain()
      return { state: control.state }
    }),
  )
  app.post('/reload', (_request, reply) =>
    obey(reply, async () => {
      const changed = await control.reload()
      return { changed, configHash: control.configHash }
    }),
  )
}

async function obey(reply: FastifyReply, order: () => Promise<object>): Promise<object> {
  try {
    return await order()
  } catch (error) {
    const { message } = error as Error
    if (error instanceof Refusal) {
      reply.code(400)
      return { error: 'the configuration is refused, nothing has changed', errors: error.errors }
    }
    reply.code(error instanceof Conflict ? 409 : 500)
    return { error: message }
  }
}

/** `/livez` and `/readyz` only: the port that a load balancer may reach. */
export async function openHealth(control: Control): Promise<FastifyInstance> {
  const app = fastify()
  addHealth(app, control)
  await listen(app, 'health.bind', control.config.health.bind)
  return app
}

function addHealth(app: FastifyInstance, control: Control): void {
  app.get('/livez', async () => ({ live: true }))
  app.get('/readyz', async (_request, reply) => {
    const ready = control.state === 'serving'
    reply.code(ready ? 200 : 503)
    return { ready, state: control.state }
  })
}

async function listen(
  app: FastifyInstance,
  setting: string,
  bind: { host: string; port: number },
): Promise<void> {
  try {
    // A copy: fastify adds to it, and the config goes to every worker that starts later.
    await app.listen({ ...bind })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? `port ${bind.port} is in use` : message
    throw new Error(`${setting} ${bind.host}:${bind.port}: ${why}`)
  }
}
