import { existsSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'

const FOLDER = fileURLToPath(new URL('../dashboard/dist', import.meta.url))
/** Vite puts what has a hash of its content in its name there. */
const HASHED = `${sep}assets${sep}`
const YEAR_S = 31_536_000

const NOT_BUILT = `<!doctype html>
<html lang="en">
<title>Sluice</title>
<p>The dashboard is not built: run <code>npm run build:dashboard</code> and start the node again.</p>
<p>What it shows is at <a href="api/v1/state">/api/v1/state</a> and <a href="metrics">/metrics</a>.</p>
</html>
`

/** The dashboard at `/`, open to everybody: its files tell nothing, and it asks for the token itself. */
export async function addDashboard(app: FastifyInstance, folder = FOLDER): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(NOT_BUILT))
    return
  }
  const { default: files } = await import('@fastify/static')
  await app.register(files, {
    root: folder,
    cacheControl: false,
    setHeaders(reply, path) {
      const control = path.includes(HASHED) ? `public, max-age=${YEAR_S}, immutable` : 'no-cache'
      reply.header('cache-control', control)
    },
  })
}
