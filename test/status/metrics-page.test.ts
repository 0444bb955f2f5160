import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsPage } from '#status/metrics-page.ts'
import { clusterSample, grant, nodeSources, stateOf, workerSample } from '#test/status/samples.ts'

const us = clusterSample({ state: 'down', reason: 'gone', errorCodes: {}, topics: {} })
const stream = { clients: 3, bufferedBytes: 12, framesSkipped: 1, closes: { 1013: 2 } }

function page(names = ['eu', 'us']): string {
  const sample = workerSample({ clusters: { eu: clusterSample(), us } })
  const node = nodeSources([sample], { grants: new Map(names.map((name) => [name, grant])) })
  return metricsPage({ state: stateOf(node), sample, stream })
}

/** Value by name and labels. */
function values(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('it tells what was counted', () => {
  const found = values(page())
  const expected = {
    sluice_connections_active: 7,
    sluice_connections_total: 8,
    sluice_in_flight_requests: 2,
    'sluice_disconnects_total{cause="idle"}': 4,
    'sluice_disconnects_total{cause="drain"}': 1,
    'sluice_refused_batches_total{error="17"}': 6,
    sluice_memory_reserved_bytes: 30,
    sluice_memory_budget_bytes: 1000,
    'sluice_upstream_up{cluster="eu"}': 1,
    'sluice_upstream_up{cluster="us"}': 0,
    'sluice_upstream_lanes{cluster="eu"}': 2,
    'sluice_batches_total{cluster="eu"}': 110,
    'sluice_records_total{cluster="eu"}': 220,
    'sluice_submissions_total{cluster="eu"}': 40,
    'sluice_submitted_batches_total{cluster="eu"}': 100,
    'sluice_acks_total{cluster="eu"}': 99,
    'sluice_errors_total{cluster="eu",error="19"}': 2,
    'sluice_errors_total{cluster="eu",error="7"}': 1,
    'sluice_batches_waiting{cluster="us"}': 5,
    'sluice_requests_total{api="Produce",version="9"}': 60,
    'sluice_node_state{state="serving"}': 1,
    'sluice_node_state{state="draining"}': 0,
    'sluice_ack_seconds_count{cluster="eu"}': 99,
    'sluice_ack_seconds_sum{cluster="eu"}': 0.396,
    'sluice_ack_seconds_bucket{cluster="eu",le="+Inf"}': 99,
    'sluice_ack_seconds_bucket{cluster="eu",le="0.004096"}': 99,
    'sluice_ack_seconds_bucket{cluster="eu",le="0.002048"}': 0,
    'sluice_topic_records_total{cluster="eu",topic="orders"}': 220,
    sluice_dashboard_clients: 3,
    'sluice_dashboard_closed_total{code="1013"}': 2,
    'sluice_grant_lanes{cluster="eu"}': 24,
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(found.get(name), value, name)
})

test('it is Prometheus text: each family once, with its help and type before its values', () => {
  const text = page()
  assert.ok(text.endsWith('\n'))
  const families = new Set<string>()
  let family = ''
  for (const line of text.trimEnd().split('\n')) {
    const [, kind, name] = /^# (HELP|TYPE) (\S+) \S/.exec(line) ?? []
    if (kind === 'HELP') {
      assert.ok(!families.has(name!), `${name} comes twice`)
      families.add((family = name!))
    } else if (kind === 'TYPE') {
      assert.equal(name, family)
      assert.match(line, / (counter|gauge|histogram)$/)
      assert.equal(line.endsWith('counter'), name!.endsWith('_total'), `${name}: counters end in _total`)
    } else
      assert.match(
        line,
        new RegExp(`^${family}(_bucket|_sum|_count)?(\\{\\w+="[^"]*"(,\\w+="[^"]*")*\\})? -?[0-9.e+]+$`),
      )
  }
  assert.ok(families.size >= 20)
})

test('no series comes twice', () => {
  const names = page()
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
  assert.equal(new Set(names).size, names.length)
})

test('text in labels is escaped', () => {
  const text = page(['e"u\\x\ny'])
  assert.match(text, /sluice_upstream_up\{cluster="e\\"u\\\\x\\ny"\} 0/)
})
