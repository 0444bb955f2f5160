import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start, temporaryFolder } from '#test/support/processes.ts'

/** haproxy as a plain TCP proxy with one thread: one port per broker, each leading to that broker's door. */
export function startHaproxy(ports: readonly number[], doors: readonly number[]): Promise<Running> {
  const file = join(temporaryFolder('sluice-haproxy-'), 'haproxy.cfg')
  const pairs = ports.map(
    (port, i) => `listen k${i}\n  bind 127.0.0.1:${port}\n  server b 127.0.0.1:${doors[i]}\n`,
  )
  writeFileSync(file, `${SETTINGS}${pairs.join('')}`)
  return start('haproxy', ['-db', '-f', file], { background: true })
}

/** A connection takes two of the process's files. */
const SETTINGS = `global
  nbthread 1
  maxconn 9000
defaults
  mode tcp
  maxconn 9000
  backlog 8192
  timeout connect 10s
  timeout client 1h
  timeout server 1h
`
