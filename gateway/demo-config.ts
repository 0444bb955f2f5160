import { createServer } from 'node:net'
import { loadConfig } from '#gateway/config.ts'
import type { Config } from '#gateway/config-schema.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'

/** Pleasant to type; any other where it is taken. */
const BOOTSTRAP_PORT = 19092
const ADMIN_PORT = 19090

/** The demo's configuration, made as an operator's is: by the schema, with its defaults. */
export async function resolveDemoConfig(sandboxes: readonly Sandbox[]): Promise<Config> {
  const first = await freeRange(BOOTSTRAP_PORT, sandboxes.length + 1)
  const admin = (await isFree(ADMIN_PORT)) ? ADMIN_PORT : 0
  const settings: Record<string, unknown> = {
    clusterId: 'sluice-demo',
    'node.id': 'demo',
    'listeners[0].name': 'public',
    'listeners[0].bind': `127.0.0.1:${first}`,
    'admin.bind': `127.0.0.1:${admin}`,
    'health.bind': '127.0.0.1:0',
    'log.level': 'warn',
    'log.format': 'pretty',
  }
  sandboxes.forEach(({ name, bootstrap }, i) => {
    settings[`clusters[${i}].name`] = name
    settings[`clusters[${i}].portOffset`] = i + 1
    settings[`clusters[${i}].bootstrapServers[0]`] = bootstrap
    settings[`routes[${i}].match.prefix`] = `${name}.`
    settings[`routes[${i}].cluster`] = name
  })
  const set = Object.entries(settings).map(([key, value]) => `${key}=${value}`)
  const loaded = loadConfig({ env: {}, set })
  if (!loaded.config)
    throw new Error(`the demo's own configuration is wrong: ${JSON.stringify(loaded.problems)}`)
  return loaded.config
}

async function freeRange(wanted: number, count: number): Promise<number> {
  for (let port = wanted; port < wanted + 1000; port += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(port + i)))
    if (free.every(Boolean)) return port
  }
  return 0
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
