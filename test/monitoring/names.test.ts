import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Errors } from '#protocol/errors.ts'
import { METRICS } from '#status/metrics.ts'
import { ALERTS_FILE, alerts, board, type Panel, type Query, queries } from '#test/monitoring/queries.ts'
import { DISCONNECTS, familyOf, HOLDS, labelsOf, richPage } from '#test/monitoring/rich.ts'

const LABELS = labelsOf(richPage())
/** Prometheus adds these when it scrapes. */
const OF_THE_TARGET = ['job', 'instance']
const VALUES: Record<string, readonly string[]> = {
  'sluice_disconnects_total.cause': DISCONNECTS,
  'sluice_held_back_total.cause': HOLDS,
  'sluice_node_state.state': ['starting', 'serving', 'draining'],
}

/** What is asked for that no node has. */
function unknownOf({ expr, shown }: Query): string[] {
  const wrong: string[] = []
  const known = new Set(OF_THE_TARGET)
  for (const [, series, , selector = ''] of expr.matchAll(/\b(sluice_\w+)(\{([^}]*)\})?/g)) {
    const family = familyOf(series!)
    if (!family) {
      wrong.push(series!)
      continue
    }
    for (const label of LABELS.get(family)!) known.add(label)
    wrong.push(...unknownIn(family, selector))
  }
  const grouped = [...expr.matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g)].flatMap(([, list]) => {
    return list!.split(',').map((label) => label.trim())
  })
  return [...wrong, ...[...grouped, ...shown].filter((label) => !known.has(label))]
}

function unknownIn(family: string, selector: string): string[] {
  const labels = [...LABELS.get(family)!, ...OF_THE_TARGET]
  return [...selector.matchAll(/(\w+)=~?["']([^"']*)["']/g)].flatMap(([, label, value]) => {
    if (!labels.includes(label!)) return [`${family}{${label}}`]
    const known = VALUES[`${family}.${label}`]
    if (!known || value!.includes('$')) return []
    return value!.split('|').filter((each) => !known.includes(each))
  })
}

test('alerts and dashboard ask only for metrics and labels that a node has', () => {
  for (const query of queries()) assert.deepEqual(unknownOf(query), [], `${query.where}: ${query.expr}`)
})

test('a wrong name, label or value would be noticed', () => {
  const wrong = (expr: string, shown: string[] = []) => unknownOf({ where: '', expr, shown })
  assert.deepEqual(wrong('rate(sluice_nothing_total[5m])'), ['sluice_nothing_total'])
  assert.deepEqual(wrong('sluice_ack_seconds'), ['sluice_ack_seconds'], 'a histogram has parts only')
  assert.deepEqual(wrong('sluice_workers{cluster="eu"}'), ['sluice_workers{cluster}'])
  assert.deepEqual(wrong('sum by (topic) (sluice_workers)'), ['topic'])
  assert.deepEqual(wrong('sluice_workers', ['cluster']), ['cluster'])
  assert.deepEqual(wrong('sluice_disconnects_total{cause="idle|boredom"}'), ['boredom'])
})

test('every metric is on the dashboard', () => {
  const panels = board().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const shown = new Set(
    panels
      .join(' ')
      .match(/sluice_\w+/g)!
      .map(familyOf),
  )
  assert.deepEqual(
    METRICS.map(({ name }) => `sluice_${name}`).filter((name) => !shown.has(name)),
    [],
  )
})

test('every alert says how bad it is, what it is, and where to read on', () => {
  const file = readFileSync(ALERTS_FILE, 'utf8')
  for (const { alert, labels, annotations } of alerts()) {
    assert.ok(['critical', 'warning'].includes(labels.severity!), alert)
    assert.ok(annotations.summary && annotations.description, alert)
    assert.equal(annotations.runbook_url, `docs/observability.md#${alert.toLowerCase()}`)
    assert.match(
      file,
      new RegExp(`- alert: ${alert}\n +# `),
      `${alert}: the reason for its threshold is missing`,
    )
  }
})

const { panels, templating } = board()

test('every panel has a place of its own, a unit, and words that explain it', () => {
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Set<string>()
  for (const { title, type, description, fieldConfig, gridPos } of panels) {
    if (type !== 'row') assert.ok(description && fieldConfig?.defaults.unit, title)
    for (const cell of cellsOf(gridPos)) {
      assert.ok(!taken.has(cell), `${title} lies over another`)
      taken.add(cell)
    }
  }
})

function* cellsOf({ x, y, w, h }: Panel['gridPos']): Generator<string> {
  assert.ok(x + w <= 24)
  for (let i = 0; i < w; i++) for (let j = 0; j < h; j++) yield `${x + i}/${y + j}`
}

test('the dashboard can be narrowed down', () => {
  assert.deepEqual(
    templating.list.map(({ name }) => name),
    ['datasource', 'job', 'instance', 'cluster', 'topic'],
  )
  for (const { where, expr } of queries().filter(({ where }) => where.startsWith('panel'))) {
    for (const [, selector] of expr.matchAll(/sluice_\w+(\{[^}]*\})?/g)) {
      assert.ok(selector?.includes('$job') && selector.includes('$instance'), `${where}: ${expr}`)
    }
  }
})

test('errors are shown by the names that Kafka gives them', () => {
  const names = new Map(Object.entries(Errors).map(([name, code]) => [String(code), name]))
  let seen = 0
  const check = (code: string, text: string) => {
    assert.equal(text.replace('refused: ', ''), `${code} ${names.get(code)}`)
    seen++
  }
  for (const { matcher, properties } of panels.flatMap(({ fieldConfig }) => fieldConfig?.overrides ?? [])) {
    for (const { id, value } of properties) {
      const [, code] = /^(?:refused: )?(-?\d+)$/.exec(matcher.options) ?? []
      if (id === 'displayName' && code) check(code, value)
      if (id !== 'mappings' || matcher.options !== 'error') continue
      for (const [key, { text }] of Object.entries<{ text: string }>(value[0].options)) check(key, text)
    }
  }
  assert.ok(seen > 60, `${seen}`)
})
