import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { figuresOf } from '#loadtests/compare/figures.ts'
import type { Plan } from '#loadtests/compare/plan.ts'
import type { Result } from '#loadtests/compare/result.ts'
import { installKroxylicious } from '#test/bench/kroxylicious.ts'
import { type Door, Stage } from '#test/bench/stage.ts'
import type { CrowdCounts } from '#test/bench/stream-crowd.ts'
import { WORKLOADS, type Workload } from '#test/bench/workloads.ts'
import { type Running, run, start } from '#test/support/processes.ts'

/**
 * The child of `npm run bench -- NAME` for everything that needs real brokers: `compare.ts NAME`. Says what
 * there is to measure, then answers each request (a line of JSON) with the figures of one run.
 */

const GENERATOR = join(import.meta.dirname, '../../loadtests/compare/generator.ts')
const STREAM_CROWD = join(import.meta.dirname, 'stream-crowd.ts')
/** Pages that follow the live status beside the load; some never read. */
const PAGES = { all: 200, stalled: 20 }
const PAGES_WITHIN_MS = 30_000
/** In memory, so that no disk is measured. */
const MEMORY = '/dev/shm'
const WARM_UP_SECONDS = 4
const BESIDE = 'sluice auto beside'

interface Request {
  what: string
  variant: string
  repeat: number
}

class Bench {
  readonly #workload: Workload
  readonly #stage: Stage
  readonly #seconds: number
  readonly #warmSeconds: number
  readonly #beside: string | undefined
  readonly #topics: string[]
  readonly #warm = new Set<string>()

  /** @param beside another checkout, whose gateway is one of the variants */
  constructor(workload: Workload, stage: Stage, seconds: number, warmSeconds: number, beside?: string) {
    this.#workload = workload
    this.#beside = beside
    this.#stage = stage
    this.#seconds = seconds
    this.#warmSeconds = warmSeconds
    this.#topics = Array.from({ length: workload.topics }, (_, i) => `bench-${i}`)
  }

  async createTopics(): Promise<void> {
    const { partitions } = this.#workload
    await this.#stage.cluster.createTopics(this.#topics.map((topic) => ({ topic, partitions })))
  }

  async measure({ what, variant, repeat }: Request): Promise<object> {
    await this.#warmUp(what, variant)
    if (this.#workload.freshProxies) await this.#stage.closeDoors()
    const door = await this.#doorOf(variant)
    const plan = this.#planOf(what, door, this.#seconds, repeat)
    const pages = variant.endsWith('pages') ? await Pages.open(door.admin!) : null
    const result = await generate(plan)
    tellTrouble(result, `${what}, ${variant}, pair ${repeat}`)
    return { ...figuresOf(result, plan), ...(await pages?.close()) }
  }

  /** Brokers compile what they run often, and so does everything else: all have to be warm before the first pair. */
  async #warmUp(what: string, variant: string): Promise<void> {
    const first = this.#warm.size === 0
    const name = `${what} ${variant}`
    if (this.#warm.has(name)) return
    this.#warm.add(name)
    if (first) await generate(this.#planOf(what, await this.#stage.direct(), this.#warmSeconds, 0))
    if (this.#workload.freshProxies) return
    await generate(this.#planOf(what, await this.#doorOf(variant), this.#warmSeconds / 4, 0))
  }

  #doorOf(variant: string): Promise<Door> {
    if (variant === 'direct') return this.#stage.direct()
    if (variant === 'haproxy') return this.#stage.haproxy()
    if (variant === 'kroxylicious') return this.#stage.kroxylicious()
    const [, linger, workers] = /^sluice (\S+)(?: (\d+) workers)?(?: \d+ pages)?(?: beside)?$/.exec(variant)!
    const root = variant === BESIDE ? this.#beside : undefined
    return this.#stage.sluice({ linger: linger!, workers: Number(workers ?? 1), ...(root && { root }) })
  }

  #planOf(what: string, door: Door, seconds: number, seed: number): Plan {
    return {
      ...this.#workload.cases[what]!,
      bootstrap: door.bootstrap,
      topics: this.#topics,
      warmUpSeconds: Math.min(WARM_UP_SECONDS, seconds),
      seconds,
      seed,
      watch: this.#stage.watch(door),
    }
  }
}

/** Followers of a gateway's live status, in a process of their own. */
class Pages {
  readonly #running: Running

  static async open(admin: string): Promise<Pages> {
    const args = [STREAM_CROWD, admin, `${PAGES.all}`, `${PAGES.stalled}`]
    const running = await start(process.execPath, args, { background: true })
    await running.waitForLine(/^ready$/, PAGES_WITHIN_MS)
    return new Pages(running)
  }

  private constructor(running: Running) {
    this.#running = running
  }

  async close(): Promise<Record<string, number>> {
    this.#running.signal('SIGTERM')
    const [line] = await this.#running.waitForLine(/^\{.*\}$/, PAGES_WITHIN_MS)
    const { frames, missed, closes } = JSON.parse(line!) as CrowdCounts
    const closed = Object.values(closes).reduce((sum, count) => sum + count, 0)
    return { frames, 'frames missed': missed, 'pages closed': closed }
  }
}

async function generate(plan: Plan): Promise<Result> {
  const lines: string[] = []
  const onLine = (line: string) => lines.push(line)
  await run(process.execPath, [GENERATOR, JSON.stringify(plan)], { onLine })
  return JSON.parse(lines.at(-1)!) as Result
}

/** A run that was not all stored, or in which the machine was too busy to measure, must be seen. */
function tellTrouble(
  { allSent, allAcked, errors, lost, seconds, windowSeconds }: Result,
  name: string,
): void {
  if (allSent !== allAcked || lost > 0 || Object.keys(errors).length > 0) {
    console.error(`${name}: ${allSent - allAcked} of ${allSent} not acked; ${JSON.stringify(errors)}`)
  }
  if (Math.abs(windowSeconds / seconds - 1) > 0.02) {
    console.error(
      `${name}: the generator starved: it measured ${windowSeconds.toFixed(2)} s instead of ${seconds}`,
    )
  }
}

async function availableVariants(variants: string[]): Promise<string[]> {
  if (!variants.includes('kroxylicious')) return variants
  const why = await installKroxylicious().then(
    () => null,
    (error: Error) => error.message,
  )
  if (why === null) return variants
  console.error(`kroxylicious is left out: ${why}`)
  return variants.filter((variant) => variant !== 'kroxylicious')
}

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string' },
    warm: { type: 'string', default: '30' },
    beside: { type: 'string' },
  },
  allowPositionals: true,
})
if (existsSync(MEMORY)) process.env.TMPDIR = MEMORY
const workload = WORKLOADS[positionals[0]!]!
const variants = await availableVariants([...workload.variants, ...(values.beside ? [BESIDE] : [])])
const stage = await Stage.open(workload.nodes)
try {
  const seconds = Number(values.seconds ?? workload.seconds)
  const bench = new Bench(workload, stage, seconds, Number(values.warm), values.beside)
  await bench.createTopics()
  const { columns, ratios } = workload
  console.log(JSON.stringify({ cases: Object.keys(workload.cases), variants, columns, ratios }))
  for await (const line of createInterface(process.stdin)) {
    console.log(JSON.stringify(await bench.measure(JSON.parse(line) as Request)))
  }
} finally {
  await stage.close()
}
