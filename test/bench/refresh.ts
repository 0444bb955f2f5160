import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import type { LoopDelays } from '#test/bench/loop-delays.ts'
import { Crowd } from '#test/fleet/crowd.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { workerPids } from '#test/support/neighbours.ts'
import { freePortRange } from '#test/support/ports.ts'
import { temporaryFolder } from '#test/support/processes.ts'
import { startRedis, until } from '#test/support/redis.ts'

/**
 * The child of `npm run bench -- refresh`: a node with Redis and one worker before a sandbox with many topics.
 * How late are the event loops of worker and control process while the topics are read each second, compared
 * with no reading at all, and how much of the map travels?
 */

const TOPICS = 2000
const PARTITIONS = 6
/** Topics that get a further partition each second, where some do. */
const GROWING = 20
const CASES: Record<string, number> = { 'no load': 0, '40 producers × 10/s': 40 }
const VARIANTS: Record<string, { interval: string; grows: boolean }> = {
  'no reading': { interval: '1h', grows: false },
  'read each 1 s': { interval: '1s', grows: false },
  [`read each 1 s, ${GROWING} topics grow/s`]: { interval: '1s', grows: true },
}
const PRELOAD = join(import.meta.dirname, 'loop-delays.ts')

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, warm: { type: 'string', default: '4' } },
})

async function measure(what: string, variant: string): Promise<Record<string, number>> {
  const { interval, grows } = VARIANTS[variant]!
  const folder = temporaryFolder('sluice-delays-')
  const topics = Array.from({ length: TOPICS }, (_, i) => ({ topic: `t.${i}`, partitions: PARTITIONS }))
  const sandbox = await startSandbox({ topics })
  const redis = await startRedis()
  const gateway = await startGateway({
    clusters: { c: sandbox.bootstrap },
    routes: { t: 'c' },
    firstPort: await freePortRange(2),
    settings: {
      node: { id: 'gw-1', workers: 1 },
      fleet: { redis: { url: redis.url } },
      refresh: { interval },
    },
    env: { NODE_OPTIONS: `--import ${PRELOAD}`, LOOP_DELAYS: folder },
  })
  await gateway.waitFor('it knows the topics', ({ clusters }) => clusters.c!.topics === TOPICS)
  const producers = CASES[what]!
  const crowd = await Crowd.start({ port: gateway.port, topic: 't.0', producers, perSecond: 10 })
  await pause(Number(values.warm) * 1000)
  await delaysOf(gateway, folder)
  const growth = grows ? setInterval(() => grow(sandbox), 1000) : undefined
  await pause(Number(values.seconds) * 1000)
  clearInterval(growth)
  const { worker, control } = await delaysOf(gateway, folder)
  crowd.close()
  await gateway.close()
  await redis.stop()
  await sandbox.close()
  rmSync(folder, { recursive: true })
  return {
    'worker p50 ms': worker.p50,
    'worker p99 ms': worker.p99,
    'worker max ms': worker.max,
    'control p99 ms': control.p99,
    'control max ms': control.max,
    'entries to the worker': worker.entries,
    'acks/s': crowd.acks.length / (Number(values.seconds) + Number(values.warm)),
  }
}

let grown = 0

function grow(sandbox: Sandbox): void {
  for (let i = 0; i < GROWING; i++) sandbox.addPartitions(`t.${1 + (grown++ % (TOPICS - 1))}`, PARTITIONS + 1)
}

/** Since the last call. */
async function delaysOf(gateway: Gateway, folder: string): Promise<Record<'worker' | 'control', LoopDelays>> {
  const { pid } = gateway.running
  const [workerPid] = workerPids(pid)
  return { worker: await delaysOfProcess(workerPid!, folder), control: await delaysOfProcess(pid, folder) }
}

async function delaysOfProcess(pid: number, folder: string): Promise<LoopDelays> {
  const file = join(folder, `${pid}.json`)
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  let seen: LoopDelays | null = null
  const look = () => {
    try {
      seen = JSON.parse(readFileSync(file, 'utf8'))
    } catch {
      // Not written, or not yet to its end.
    }
    return seen
  }
  await until(10_000, look, () => `process ${pid} does not tell its delays`)
  return seen!
}

async function answer(line: string): Promise<void> {
  const { what, variant } = JSON.parse(line) as { what: string; variant: string }
  grown = 0
  console.log(JSON.stringify(await measure(what, variant)))
}

const ratios = [{ figure: 'worker p99 ms', to: 'no reading' }]
console.log(JSON.stringify({ cases: Object.keys(CASES), variants: Object.keys(VARIANTS), ratios }))
for await (const line of createInterface(process.stdin)) await answer(line)
