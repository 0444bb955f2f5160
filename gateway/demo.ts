import { resolveDemoConfig } from '#gateway/demo-config.ts'
import { Crowd } from '#gateway/demo-crowd.ts'
import { DEMO } from '#gateway/demo-plan.ts'
import { DemoScript } from '#gateway/demo-script.ts'
import { renderTable } from '#gateway/demo-table.ts'
import { verify } from '#gateway/demo-verify.ts'
import { startNode } from '#gateway/run.ts'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import type { State } from '#status/contract.ts'
import { createLog } from '#telemetry/log.ts'

const TERMINAL_REFRESH_MS = 1000
const PLAIN_REFRESH_MS = 5000
const SETTLE_MS = 30_000

export interface DemoOptions {
  /** ms until it ends by itself; left out: until Ctrl-C. */
  forMs?: number
  producers: number
}

/** `sluice demo`: three sandbox clusters, a gateway, and a crowd of small producers. @returns the exit code */
export async function demo(options: DemoOptions): Promise<number> {
  const sandboxes = await Promise.all(DEMO.clusters.map((name) => startDemoSandbox(name)))
  const log = createLog({ level: 'warn', format: 'pretty', node: 'demo' })
  const config = await resolveDemoConfig(sandboxes)
  const node = await startNode(config, log, { forked: true })
  const bootstrap = { host: '127.0.0.1', port: node.ports.public! }
  const admin = `http://127.0.0.1:${node.ports.admin}`
  announce(bootstrap.port, admin)
  const crowd = new Crowd(bootstrap, options.producers)
  const redraw = () => void draw(admin, crowd, sandboxes)
  await crowd.start()
  const script = new DemoScript(crowd, sandboxes)
  const timer = setInterval(redraw, process.stdout.isTTY ? TERMINAL_REFRESH_MS : PLAIN_REFRESH_MS)
  await ended(options.forMs)
  clearInterval(timer)
  await script.stop()
  process.stdout.write('\nstopping: no more batches are made, those under way are delivered\n')
  await crowd.settle(SETTLE_MS)
  await draw(admin, crowd, sandboxes)
  crowd.close()
  await node.stop()
  const verdict = verify(crowd, sandboxes)
  await Promise.all(sandboxes.map((sandbox) => sandbox.close()))
  process.stdout.write(`${verdict.text}\n`)
  return verdict.ok ? 0 : 1
}

function startDemoSandbox(name: string): Promise<Sandbox> {
  const topics = Array.from({ length: DEMO.topicsPerCluster }, (_, i) => ({
    topic: `${name}.topic-${i}`,
    partitions: DEMO.partitions,
  }))
  return startSandbox({ name, brokers: 1, topics, retainBytes: 'all' })
}

function announce(port: number, admin: string): void {
  const topic = `${DEMO.clusters[0]}.topic-0`
  process.stdout.write(
    [
      `Sluice demo: ${DEMO.clusters.length} sandbox clusters behind one address, 127.0.0.1:${port}`,
      'Send something of your own, with any Kafka producer:',
      `  kcat -P -b 127.0.0.1:${port} -t ${topic} <<< hello`,
      `  kafka-console-producer.sh --bootstrap-server 127.0.0.1:${port} --topic ${topic}`,
      `  kafkajs: new Kafka({ brokers: ['127.0.0.1:${port}'] })`,
      `Topics are ${DEMO.clusters.map((name) => `${name}.topic-0 to -${DEMO.topicsPerCluster - 1}`).join(', ')}.`,
      'Load rises and falls; after 40 s one cluster is slow, after 90 s another is dead for a while.',
      `Watch it: ${admin}/`,
      `     or: curl ${admin}/api/v1/state`,
      '',
      '',
    ].join('\n'),
  )
}

let drawn = 0

async function draw(admin: string, crowd: Crowd, sandboxes: readonly Sandbox[]): Promise<void> {
  const state = (await (await fetch(`${admin}/api/v1/state`)).json()) as State
  const lines = renderTable(state, crowd, sandboxes)
  if (process.stdout.isTTY && drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`)
  process.stdout.write(`${lines.join('\n')}\n`)
  drawn = lines.length
}

/** Resolves at the time given, or on Ctrl-C. */
function ended(forMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (forMs !== undefined) setTimeout(resolve, forMs)
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}
