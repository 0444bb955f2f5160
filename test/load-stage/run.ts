import { existsSync, realpathSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse, type Remote, type Run, UsageError } from '#test/load-stage/arguments.ts'
import { openControl } from '#test/load-stage/control.ts'
import { runK6 } from '#test/load-stage/k6.ts'
import { LoadStage } from '#test/load-stage/stage.ts'

/**
 * `npm run loadtest -- SCENARIO PROFILE [--direct] [--brokers ...]`: a k6 scenario against a local stage or a
 * gateway that runs somewhere. docs/loadtests.md has all of it.
 *
 * Exit codes: 0 all thresholds hold, 99 one is broken (k6's own), 2 wrong arguments, 1 anything else.
 */
const ROOT = join(import.meta.dirname, '../..')

type TargetCluster = { door: string; upstream: string; topic: string }

async function main(args: string[]): Promise<number> {
  const run = parse(args)
  const results = resolve(run.results ?? join(ROOT, '.cache/loadtests', nameOf(run)))
  const { code, report } = run.remote ? await remotely(run, run.remote, results) : await locally(run, results)
  if (existsSync(report)) console.log(`report: ${realpathSync(report)}`)
  return code
}

function nameOf({ scenario, profile, direct }: Run): string {
  const at = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
  return [scenario, profile, ...(direct ? ['direct'] : []), at].join('-')
}

interface Outcome {
  code: number
  report: string
}

async function remotely(run: Run, { brokers, upstreams, admin }: Remote, results: string): Promise<Outcome> {
  const clusters = upstreams.map(({ topic, brokers: upstream }) => {
    return { door: run.direct ? upstream : brokers, upstream, topic }
  })
  return k6(run, { clusters, control: null, admin, results })
}

async function locally(run: Run, results: string): Promise<Outcome> {
  const { clusters: count, nodes = 3 } = run.needs
  const stage = await LoadStage.open(count, run.direct ? 0 : nodes)
  const control = await openControl((order, name) => stage.obey(order, name))
  try {
    const clusters = stage.clusters.map(({ topic, kafka: { bootstrap } }) => {
      return { door: stage.fleet?.bootstrap ?? bootstrap, upstream: bootstrap, topic }
    })
    return await k6(run, { clusters, control: control.url, admin: stage.adminUrls, results })
  } finally {
    control.close()
    for (const [name, log] of stage.logs) writeFileSync(join(results, name), log)
    await stage.close()
  }
}

interface Surroundings {
  clusters: TargetCluster[]
  control: string | null
  admin: string[]
  results: string
}

async function k6({ scenario, profile, direct, needs }: Run, around: Surroundings): Promise<Outcome> {
  const trouble = needs.breaks !== undefined && !direct
  const target = JSON.stringify({ scenario, profile, direct, trouble, ...around })
  const { code } = await runK6({
    script: join(ROOT, 'loadtests/k6', `${scenario}.ts`),
    results: around.results,
    env: { TARGET: target },
    onLine: (line) => console.log(line),
  })
  return { code: code ?? 1, report: join(around.results, 'report.html') }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`loadtest: ${error.message}`)
  process.exitCode = 2
}
