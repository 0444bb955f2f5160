import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { openAdmin, openHealth } from '#gateway/admin.ts'
import { readSecret } from '#gateway/config.ts'
import type { Config } from '#gateway/config-schema.ts'
import { Control } from '#gateway/control.ts'
import { VERSION } from '#gateway/version.ts'
import { crcIsNative } from '#protocol/crc.ts'
import { createLog, type Log } from '#telemetry/log.ts'

/** A node that runs. */
export interface Node {
  /** Bound ports: `public`, `public/eu`, `admin`, `health`. */
  ports: Record<string, number>
  /** Readiness goes, then the listeners, then the connections, all within `drain.timeout`. */
  drain(): Promise<void>
  /** Ends everything at once. */
  stop(): Promise<void>
}

/** @throws Error that names the port or setting, when the node cannot start */
export async function startNode(config: Config, log: Log, options: { forked: boolean }): Promise<Node> {
  const control = new Control(config, options.forked, log)
  const servers: FastifyInstance[] = []
  try {
    await control.start()
    const token = config.admin.auth ? readSecret(config.admin.auth.tokenFile) : null
    servers.push(await openAdmin(control, token), await openHealth(control))
  } catch (error) {
    control.stop()
    for (const server of servers) await server.close()
    throw error
  }
  const [admin, health] = servers.map(({ server }) => (server.address() as AddressInfo).port)
  const stop = async () => {
    control.stop()
    for (const server of servers) await server.close()
  }
  return {
    ports: { ...control.pool.ports, admin: admin!, health: health! },
    stop,
    async drain() {
      const { delay, timeout } = config.drain
      control.state = 'draining'
      log.info({ delay, timeout }, 'draining')
      await pause(delay)
      await control.pool.drain(timeout - delay)
      await stop()
    },
  }
}

/** `sluice run`. @returns the exit code */
export async function run(config: Config): Promise<number> {
  const log = createLog({ ...config.log, node: config.node.id })
  if (!crcIsNative) log.warn('the native CRC-32C is missing: a slower one in JavaScript is used')
  // From here on: a signal that comes while the node starts is not lost.
  const asked = untilSigterm()
  let node: Node
  try {
    node = await startNode(config, log, { forked: true })
  } catch (error) {
    log.fatal((error as Error).message)
    process.stderr.write(`sluice: ${(error as Error).message}\n`)
    return 1
  }
  process.on('SIGHUP', () => log.warn('reload is not in this release: SIGHUP changes nothing'))
  log.info({ version: VERSION, ports: node.ports }, 'serving')
  await asked
  const forced = untilSigterm().then(() => 1)
  const drained = node.drain().then(() => 0)
  const code = await Promise.race([drained, forced])
  if (code !== 0) await node.stop()
  log.info({ code }, code === 0 ? 'drained' : 'stopped by a second signal')
  return code
}

function untilSigterm(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}
