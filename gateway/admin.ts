import fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { addApi } from '#gateway/admin-api.ts'
import { addDashboard } from '#gateway/admin-dashboard.ts'
import { addGuard, Guard, requireToken } from '#gateway/admin-guard.ts'
import { addOrders } from '#gateway/admin-orders.ts'
import { addSockets, addStream, addTickets } from '#gateway/admin-stream.ts'
import { nearestWord } from '#gateway/config-problems.ts'
import type { Control } from '#gateway/control.ts'
import type { LiveStatus } from '#gateway/live-status.ts'
import { StreamHub } from '#status/stream.ts'
import { Tickets } from '#status/tickets.ts'

/** Orders and tickets have no body; what is sent nevertheless is passed over. */
const MAX_BODY_BYTES = 16 * 1024

const PATHS = {
  GET: [
    '/',
    '/metrics',
    '/livez',
    '/readyz',
    ...['state', 'config', 'clusters', 'routes', 'clients', 'nodes', 'stream'].map((of) => `/api/v1/${of}`),
  ],
  POST: ['/drain', '/undrain', '/reload', '/api/v1/stream-ticket'],
}

export interface AdminOptions {
  /** Where the built dashboard lies, if not in its place. */
  dashboard?: string
  /** A clock in ms that is never set back. */
  now?: () => number
}

/**
 * Dashboard, API, live stream, metrics and orders.
 *
 * @param token null: everybody who reaches the port may use it. Read at the start: another one needs a restart
 * @throws Error that names the setting, when the port cannot be bound
 */
export async function openAdmin(
  control: Control,
  live: Pick<LiveStatus, 'state' | 'own' | 'metrics' | 'onTick'>,
  token: string | null,
  { dashboard, now = () => performance.now() }: AdminOptions = {},
): Promise<FastifyInstance> {
  const { admin, node } = control.config
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    // Some clients offer HTTP/2 with each request, which is no reason to treat it as a WebSocket.
    http: { shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket' },
  })
  const guard = new Guard(admin, token)
  const hub = new StreamHub(node.id, now)
  const tickets = new Tickets(now)
  await addSockets(app, hub)
  addErrors(app, control)
  addGuard(app, guard)
  addStream(app, { hub, guard, tickets })
  await app.register(async (inside) => {
    requireToken(inside, guard)
    addOrders(inside, control)
    addTickets(inside, tickets)
    addApi(inside, control, live)
    addHealth(inside, control)
    inside.get('/metrics', async (_request, reply) => {
      reply.type('text/plain; version=0.0.4')
      return live.metrics(hub.ledger)
    })
  })
  await addDashboard(app, dashboard)
  await listen(app, 'admin.bind', admin.bind)
  live.onTick = () => hub.tick(live.state(hub.named))
  return app
}

/** Every error is `{ error }`, in words. */
function addErrors(app: FastifyInstance, control: Control): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async () => undefined)
  app.setErrorHandler<FastifyError>(async (error, { method, routeOptions }, reply) => {
    const code = error.statusCode ?? 500
    // The path of the route: the URL may hold a ticket.
    if (code >= 500)
      control.log.error({ method, path: routeOptions.url, error: error.message }, 'request failed')
    reply.code(code)
    return { error: error.message }
  })
  app.setNotFoundHandler(async ({ method, url }, reply) => {
    const path = url.split('?')[0]!
    const methods = methodsOf(path)
    if (methods.length > 0) {
      reply.code(405).header('allow', methods.join(', '))
      return { error: `${path} takes ${methods.join(' and ')}, not ${method}` }
    }
    const nearest = nearestWord(path, [...PATHS.GET, ...PATHS.POST])
    reply.code(404)
    return { error: `there is nothing at ${path}${nearest ? `; did you mean ${nearest}?` : ''}` }
  })
  addOptions(app)
}

function methodsOf(path: string): string[] {
  if (PATHS.GET.includes(path)) return ['GET', 'HEAD']
  return PATHS.POST.includes(path) ? ['POST'] : []
}

/** What a path takes; a page of an allowed origin asks so before it sends a token. */
function addOptions(app: FastifyInstance): void {
  app.options('*', async ({ url }, reply) => {
    const methods = methodsOf(url.split('?')[0]!)
    if (methods.length === 0) return reply.callNotFound()
    reply.headers({
      allow: [...methods, 'OPTIONS'].join(', '),
      // They mean nothing without access-control-allow-origin, which only an allowed origin gets.
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': 'authorization',
      'access-control-max-age': '600',
    })
    return reply.code(204).send()
  })
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
