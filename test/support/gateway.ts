import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { State } from '#status/contract.ts'
import { type Exit, type Running, start, temporaryFolder } from '#test/support/processes.ts'

/**
 * A gateway as operators run it: `bin/sluice run`, a process of its own.
 *
 *     const gateway = await startGateway({ clusters: { c1: cluster.bootstrap }, routes: { app: 'c1' } })
 */
export interface GatewayOptions {
  /** Bootstrap servers, with commas, by cluster name. */
  clusters: Record<string, string>
  /** Cluster by topic prefix. */
  routes: Record<string, string>
  /** Client ports: the first is the bootstrap port, then one per cluster. Left out: the system chooses. */
  firstPort?: number
  /** Further settings, merged into the top level. */
  settings?: Record<string, unknown>
  /** Of its processes, beside those of this one. */
  env?: Record<string, string>
}

const SLUICE = join(import.meta.dirname, '../../bin/sluice')
const START_MS = 60_000

/** Of the nodes that are not gone; sorted. */
export function liveIds({ nodes }: State): string[] {
  const live = Object.entries(nodes).filter(([, { state }]) => state !== 'gone')
  return live.map(([id]) => id).sort()
}

export class Gateway {
  readonly running: Running
  /** Bound ports: `public`, `public/c1`, `admin`, `health`. */
  readonly ports: Record<string, number>

  constructor(running: Running, ports: Record<string, number>) {
    this.running = running
    this.ports = ports
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  get port(): number {
    return this.ports.public!
  }

  /** What it logged: the newest 256 KiB. */
  log(): string {
    return this.running.output()
  }

  /** Its own figures, or those of its fleet. */
  async state(scope: 'node' | 'fleet' = 'node'): Promise<State> {
    const url = `http://127.0.0.1:${this.ports.admin}/api/v1/state?scope=${scope}`
    return (await fetch(url)).json() as Promise<State>
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.ports.admin}/metrics`)).text()
  }

  /** Status code of a health path. */
  async health(path: '/livez' | '/readyz'): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.ports.health}${path}`)).status
  }

  /** Waits until its own state says so, or that of its fleet. */
  async waitFor(
    what: string,
    holds: (state: State) => boolean,
    timeoutMs = 30_000,
    scope: 'node' | 'fleet' = 'node',
  ): Promise<State> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const state = await this.state(scope)
      if (holds(state)) return state
      if (Date.now() > deadline)
        throw new Error(`${what}: not within ${timeoutMs} ms; ${JSON.stringify(state)}`)
      await pause(50)
    }
  }

  /** SIGTERM, and how it ended. */
  async drain(timeoutMs = 60_000): Promise<Exit> {
    await this.running.stop('SIGTERM', timeoutMs)
    return this.running.exited
  }

  async close(): Promise<void> {
    await this.running.stop('SIGKILL')
  }
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const running = await launchGateway(options)
  const [line] = await running.waitForLine(/^.*"msg":"serving".*$/, START_MS)
  return new Gateway(running, JSON.parse(line!).ports)
}

/** Starts the process and does not wait for it to serve. */
export function launchGateway(options: GatewayOptions): Promise<Running> {
  const file = join(temporaryFolder('sluice-gateway-'), 'sluice.yaml')
  writeFileSync(file, configOf(options))
  return start(SLUICE, ['run', '--config', file, '--log-level', 'debug', '--log-format', 'json'], {
    background: true,
    env: options.env ?? {},
  })
}

export function configOf({ clusters, routes, firstPort = 0, settings = {} }: GatewayOptions): string {
  return stringify({
    version: 1,
    clusterId: 'sluice-test',
    node: { id: 'gw-test' },
    listeners: [{ name: 'public', bind: `127.0.0.1:${firstPort}` }],
    clusters: Object.entries(clusters).map(([name, bootstrap], i) => ({
      name,
      portOffset: i + 1,
      bootstrapServers: bootstrap.split(','),
    })),
    routes: Object.entries(routes).map(([prefix, cluster]) => ({ match: { prefix }, cluster })),
    refresh: { interval: '1s' },
    admin: { bind: '127.0.0.1:0' },
    health: { bind: '127.0.0.1:0' },
    drain: { delay: '500ms', timeout: '20s' },
    ...settings,
  })
}
