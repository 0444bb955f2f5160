import { createServer } from 'node:net'
import type { Config } from '#gateway/config-schema.ts'

export interface Port {
  listener: string
  host: string
  port: number
}

/** Those that a configuration names; the ones that the system chooses are free. */
export function portsOf({ listeners, clusters }: Config): Port[] {
  return listeners.flatMap(({ name, bind, advertised }) => {
    if (bind.port === 0) return []
    const offsets = advertised.perCluster ? clusters.map(({ portOffset }) => portOffset) : []
    return [...new Set([0, ...offsets])].map((offset) => {
      return { listener: name, host: bind.host, port: bind.port + offset }
    })
  })
}

/**
 * Workers share their ports (SO_REUSEPORT), so a second gateway on them would not fail by itself: whoever
 * binds without sharing finds out.
 *
 * @throws Error that names the listener and the port
 */
export async function assertPortsFree(ports: readonly Port[]): Promise<void> {
  for (const { listener, host, port } of ports) await assertFree(listener, host, port)
}

function assertFree(listener: string, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? `port ${port} is in use` : error.message
      reject(new Error(`listeners: ${listener} cannot bind ${host}:${port}: ${why}`))
    })
    server.listen({ host, port }, () => server.close(() => resolve()))
  })
}
