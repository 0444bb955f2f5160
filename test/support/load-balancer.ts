import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start, temporaryFolder } from '#test/support/processes.ts'

/** A node as a load balancer knows it, whether it runs or not. */
export interface Target {
  name: string
  /** Of its client ports: the bootstrap port, then one per cluster. */
  firstPort: number
  healthPort: number
}

/**
 * haproxy before the nodes of a fleet, as an operator would set it up: TCP, PROXY protocol v2, and only nodes
 * whose /readyz says yes. Nodes come and go by that check alone.
 *
 * @param firstPort the ports of clients: the bootstrap port, then one per cluster
 * @param clusters how many
 */
export async function startLoadBalancer(
  firstPort: number,
  clusters: number,
  targets: readonly Target[],
): Promise<Running> {
  const doors = Array.from({ length: clusters + 1 }, (_, offset) => {
    const servers = targets.map(({ name, firstPort: port, healthPort }) => {
      return `  server ${name} 127.0.0.1:${port + offset} check port ${healthPort} send-proxy-v2\n`
    })
    return `listen door${offset}\n  bind 127.0.0.1:${firstPort + offset}\n${CHECK}${servers.join('')}`
  })
  const file = join(temporaryFolder('sluice-haproxy-'), 'haproxy.cfg')
  writeFileSync(file, `${SETTINGS}${doors.join('')}`)
  return start('haproxy', ['-db', '-f', file], { background: true })
}

const CHECK = `  balance leastconn
  option httpchk GET /readyz
`

const SETTINGS = `global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  maxconn 4000
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  retries 3
  option redispatch
  default-server inter 300ms fall 2 rise 1
`
