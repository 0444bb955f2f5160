import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { Door } from '#test/bench/stage.ts'
import { classPathOf } from '#test/support/jvm.ts'
import { jars } from '#test/support/maven.ts'
import { freePortRange } from '#test/support/ports.ts'
import { type Running, start, temporaryFolder } from '#test/support/processes.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** The last one for Java 17. */
const APP = 'io.kroxylicious:kroxylicious-app:0.21.0'
const START_MS = 60_000
const NODES = 4

let folder: Promise<string> | undefined

/** Fetches it. @throws with one line when no repository has it */
export async function installKroxylicious(): Promise<string> {
  folder ??= jars('kroxylicious', [APP])
  return folder.catch(() => {
    throw new Error(`Maven finds no ${APP}`)
  })
}

/** Alone before the brokers, without filters, one worker thread; a port per broker from the second on. */
export async function startKroxylicious(bootstrapServers: string): Promise<Door> {
  const port = await freePortRange(NODES)
  const file = join(temporaryFolder('sluice-kroxylicious-'), 'proxy.yaml')
  const gateway = { name: 'bench', portIdentifiesNode: { bootstrapAddress: `127.0.0.1:${port}` } }
  const cluster = { name: 'bench', targetCluster: { bootstrapServers }, gateways: [gateway] }
  const network = { proxy: { workerThreadCount: 1 } }
  writeFileSync(file, stringify({ network, virtualClusters: [cluster] }))
  const classPath = await classPathOf(await installKroxylicious())
  const args = ['-Xmx384m', '-cp', classPath, 'io.kroxylicious.app.Kroxylicious', '--config', file]
  const running = await start('java', args, { background: true })
  await waitUntilOpen(running, port)
  return { bootstrap: `127.0.0.1:${port}`, running }
}

async function waitUntilOpen(running: Running, port: number): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    const client = await RawClient.connect(port).catch(() => null)
    if (client) return client.close()
    if (!running.isRunning || Date.now() > deadline) throw new Error(`no Kroxylicious:\n${running.output()}`)
    await pause(100)
  }
}
