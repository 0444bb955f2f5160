import fastify, { type FastifyInstance } from 'fastify'
import type { Control } from '#gateway/control.ts'
import { VERSION } from '#gateway/version.ts'
import type { State } from '#status/contract.ts'
import { metricsPage } from '#status/metrics-page.ts'
import { snapshot } from '#status/snapshot.ts'

/** What this node knows, in the shape of `GET /api/v1/state`. */
export function stateOf(control: Control): State {
  const maps = new Map(
    [...control.loops].map(([name, { map, refreshedAt, error }]) => {
      return [name, { topics: map.topics.size, partitions: map.partitions, refreshedAt, refreshError: error }]
    }),
  )
  const { node } = control.config
  return snapshot({
    node: node.id,
    version: VERSION,
    state: control.state,
    workers: node.workers,
    sample: control.pool.sample(),
    maps,
  })
}

/** Dashboard, API and metrics. @throws Error that names the setting, when the port cannot be bound */
export async function openAdmin(control: Control, token: string | null): Promise<FastifyInstance> {
  const app = fastify()
  if (token !== null) {
    app.addHook('onRequest', async (request, reply) => {
      if (request.headers.authorization !== `Bearer ${token}`)
        await reply.code(401).send({ error: 'unauthorized' })
    })
  }
  app.get('/api/v1/state', async () => stateOf(control))
  app.get('/metrics', async (_request, reply) => {
    reply.type('text/plain; version=0.0.4')
    return metricsPage(stateOf(control))
  })
  addHealth(app, control)
  await listen(app, 'admin.bind', control.config.admin.bind)
  return app
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
