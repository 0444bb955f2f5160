import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startGateway } from '#test/support/gateway.ts'
import { startCluster } from '#test/support/kafka.ts'
import { start, temporaryFolder } from '#test/support/processes.ts'

const RUN = join(import.meta.dirname, '../load-stage/run.ts')

interface Summary {
  metrics: Record<string, Record<string, number>>
  thresholds: { metric: string; rule: string; ok: boolean }[]
}

/** `npm run loadtest -- ...`, as somebody at a terminal runs it. */
async function loadtest(...args: string[]) {
  const running = await start(process.execPath, [RUN, ...args], { input: '' })
  const { code } = await running.exited
  return { code, output: running.output() }
}

async function smoke(t: TestContext, scenario: string, ...more: string[]): Promise<Summary> {
  const results = temporaryFolder('sluice-loadtest-')
  const { code, output } = await loadtest(scenario, 'smoke', '--results', results, ...more)
  assert.equal(code, 0, output)
  const summary: Summary = JSON.parse(readFileSync(join(results, 'summary.json'), 'utf8'))
  assert.ok(statSync(join(results, 'report.html')).size > 10_000, 'the report is there')
  const count = (metric: string): number => summary.metrics[metric]!.count!
  assert.ok(count('sluice_acknowledged') > 0)
  assert.ok(count('sluice_stored') >= count('sluice_acknowledged'))
  assert.equal(count('sluice_lost'), 0)
  assert.equal(count('sluice_duplicated'), 0)
  assert.equal(count('sluice_out_of_order'), 0)
  assert.equal(count('sluice_errors'), 0)
  const times = summary.metrics.sluice_ack_time!
  t.diagnostic(`${count('sluice_acknowledged')} acknowledged; slowest ack ${Math.round(times.max!)} ms`)
  return summary
}

test('many small producers', (t) => smoke(t, 'many-small-producers').then(() => {}))

for (const scenario of ['failover', 'rolling-drain', 'blue-green']) {
  test(scenario, async (t) => {
    const { metrics } = await smoke(t, scenario)
    const { passes, fails } = metrics.checks!
    assert.ok(passes! > 0 && fails === 0, 'what was to happen did, under load')
  })
}

test('a gateway that runs already', async (t) => {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  const gateway = await startGateway({ clusters: { c: cluster.bootstrap }, routes: { orders: 'c' } })
  t.after(() => gateway.close())
  const upstream = `orders.load=${cluster.bootstrap}`
  await smoke(t, 'many-small-producers', '--brokers', gateway.bootstrap, '--upstream', upstream)
})

test('wrong arguments are answered with one line that says what there is', async () => {
  const cases: [string[], RegExp][] = [
    [[], /no scenario '': many-small-producers, mixed-clusters, failover/],
    [['nonsense', 'smoke'], /no scenario 'nonsense': many-small-producers/],
    [['failover', 'quick'], /no profile 'quick': smoke, average, stress, soak/],
    [['failover', 'smoke', 'more'], /too many arguments: more/],
    [['failover', 'smoke', '--fast'], /Unknown option '--fast'/],
    [
      ['failover', 'smoke', '--brokers', 'gw:9092'],
      /failover kills a node, which it can only do to the local/,
    ],
    [['mixed-clusters', 'smoke', '--brokers', 'gw:9092'], /wants --upstream TOPIC=HOST:PORT,... twice/],
    [['many-small-producers', 'smoke', '--upstream', 't=k:9092'], /go with --brokers/],
  ]
  for (const [args, expected] of cases) {
    const { code, output } = await loadtest(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(output, expected)
    assert.equal(output.trim().split('\n').length, 1, output)
  }
})
