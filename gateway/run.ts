import { flushCompileCache } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { loadFleet } from '#fleet/fleet.ts'
import { openAdmin, openHealth } from '#gateway/admin.ts'
import { notifySocket, readSecret } from '#gateway/config.ts'
import type { Config } from '#gateway/config-schema.ts'
import { Control, type ControlOptions } from '#gateway/control.ts'
import { LiveStatus } from '#gateway/live-status.ts'
import type { RunOptions } from '#gateway/main.ts'
import { Systemd } from '#gateway/systemd.ts'
import { VERSION } from '#gateway/version.ts'
import { crcIsNative } from '#protocol/crc.ts'
import { createLog, type Log } from '#telemetry/log.ts'

/** A node that runs. */
export interface Node {
  control: Control
  /** Bound ports: `public`, `public/eu`, `admin`, `health`. */
  ports: Record<string, number>
  /** Readiness goes, then the listeners, then the connections, all within `drain.timeout`. */
  drain(): Promise<void>
  /** Ends everything at once. */
  stop(): Promise<void>
}

/** @throws Error that names the port or setting, when the node cannot start */
export async function startNode(config: Config, log: Log, options: ControlOptions): Promise<Node> {
  const control = new Control(config, options, log)
  const servers: FastifyInstance[] = []
  try {
    await control.start()
    const token = config.admin.auth ? readSecret(config.admin.auth.tokenFile) : null
    servers.push(await openAdmin(control, new LiveStatus(control), token), await openHealth(control))
  } catch (error) {
    await control.stop()
    for (const server of servers) await server.close()
    throw error
  }
  const [admin, health] = servers.map(({ server }) => (server.address() as AddressInfo).port)
  const stop = async () => {
    await control.stop()
    for (const server of servers) await server.close()
  }
  return {
    control,
    ports: { ...control.pool.ports, admin: admin!, health: health! },
    stop,
    async drain() {
      await control.end()
      await stop()
    },
  }
}

/** `sluice run`. @returns the exit code */
export async function run(config: Config, { reload }: RunOptions): Promise<number> {
  const log = createLog({ ...config.log, node: config.node.id })
  if (!crcIsNative) log.warn('the native CRC-32C is missing: a slower one in JavaScript is used')
  // From here on: a signal that comes while the node starts is not lost.
  const asked = untilSigterm()
  let node: Node | null = null
  let reloadAsked = false
  process.on('SIGHUP', () => {
    if (node) reloadNow(node)
    else reloadAsked = true
  })
  try {
    const makeFleet = await loadFleet(config.fleet !== undefined)
    node = await startNode(config, log, { forked: true, load: reload, makeFleet })
  } catch (error) {
    log.fatal((error as Error).message)
    process.stderr.write(`sluice: ${(error as Error).message}\n`)
    return 1
  }
  const systemd = new Systemd(notifySocket(), log)
  systemd.follow(node.control)
  log.info({ version: VERSION, ports: node.ports }, 'serving')
  flushCompileCache()
  if (reloadAsked) reloadNow(node)
  await asked
  const told = systemd.stopping()
  const forced = untilSigterm().then(() => 1)
  const drained = node.drain().then(() => 0)
  const code = await Promise.race([drained, forced])
  if (code !== 0) await node.stop()
  await told
  log.info({ code }, code === 0 ? 'drained' : 'stopped by a second signal')
  return code
}

/** How it ends stands in the log and in the state. */
function reloadNow({ control }: Node): void {
  control.reload().catch(() => {})
}

function untilSigterm(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}
