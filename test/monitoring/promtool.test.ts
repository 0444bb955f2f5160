import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { metricsPage } from '#status/metrics-page.ts'
import { promtool } from '#test/monitoring/promtool.ts'
import { ALERTS_FILE, ALERTS_TEST_FILE, alerts, queries, SCRAPE_FILE } from '#test/monitoring/queries.ts'
import { richPage } from '#test/monitoring/rich.ts'
import { nodeSources, stateOf } from '#test/status/samples.ts'
import { temporaryFolder } from '#test/support/processes.ts'

interface Tests {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[]
}

/** The pages are judged by their lint, too: names, units, help. */
function assertClean(page: string): void {
  assert.deepEqual(promtool(['check', 'metrics'], page), { code: 0, output: '' })
}

test('the metrics of a node that has counted everything are as Prometheus wants them', () => {
  assertClean(richPage())
})

test('and those of a node that has counted nothing yet', () => {
  const stream = { clients: 0, bufferedBytes: 0, framesSkipped: 0, closes: {} }
  assertClean(metricsPage({ state: stateOf(nodeSources([null])), sample: null, stream }))
})

test('promtool finds what is wrong with a page', () => {
  const { code, output } = promtool(
    ['check', 'metrics'],
    '# HELP a_count Some.\n# TYPE a_count counter\na_count 1\n',
  )
  assert.notEqual(code, 0, output)
})

test('the scrape configuration is valid, with its rules and its token beside it', () => {
  const folder = temporaryFolder()
  for (const file of [SCRAPE_FILE, ALERTS_FILE]) copyFileSync(file, join(folder, file.split('/').at(-1)!))
  const config = join(folder, 'prometheus.yml')
  assert.notEqual(promtool(['check', 'config', config]).code, 0, 'the token is missing')
  writeFileSync(join(folder, 'sluice-token'), 'secret')
  const { code, output } = promtool(['check', 'config', config])
  assert.equal(code, 0, output)
  assert.ok(
    output.includes('1 rule files found') && output.includes(`${alerts().length} rules found`),
    output,
  )
})

test('each alert fires when it should and only then', () => {
  const { code, output } = promtool(['test', 'rules', ALERTS_TEST_FILE])
  assert.equal(code, 0, output)
  const { tests } = parse(readFileSync(ALERTS_TEST_FILE, 'utf8')) as Tests
  const expected = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
  for (const { alert } of alerts()) {
    const of = expected.filter(({ alertname }) => alertname === alert)
    assert.ok(
      of.some(({ exp_alerts }) => exp_alerts.length > 0),
      `${alert}: it is never seen to fire`,
    )
    assert.ok(
      of.some(({ exp_alerts }) => exp_alerts.length === 0),
      `${alert}: it is never seen not to fire`,
    )
  }
})

test('the tests of the alerts notice an alert that never fires', () => {
  const folder = temporaryFolder()
  const rules = alerts().map((alert) => ({ ...alert, expr: 'vector(0) > 1' }))
  writeFileSync(join(folder, 'alerts.yml'), stringify({ groups: [{ name: 'dead', rules }] }))
  copyFileSync(ALERTS_TEST_FILE, join(folder, 'alerts_test.yml'))
  const { code, output } = promtool(['test', 'rules', join(folder, 'alerts_test.yml')])
  assert.notEqual(code, 0)
  for (const { alert } of alerts()) assert.ok(output.includes(`alertname: ${alert},`), `${alert}: ${output}`)
})

test('Prometheus understands every query of the Grafana dashboard', () => {
  const rules = queries().map(({ expr }, i) => ({ record: `query:${i}`, expr: filledIn(expr) }))
  const file = join(temporaryFolder(), 'rules.yml')
  writeFileSync(file, stringify({ groups: [{ name: 'queries', rules }] }))
  const { code, output } = promtool(['check', 'rules', file])
  assert.equal(code, 0, output)
})

/** As Grafana does it. */
function filledIn(expr: string): string {
  return expr.replaceAll(/\$__(rate_interval|range)\b/g, '1m').replaceAll(/\$\w+/g, '.*')
}
