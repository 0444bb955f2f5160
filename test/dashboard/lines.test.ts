import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from '#dashboard/format.ts'
import { keyFigures } from '#dashboard/key-figures.ts'
import { clusterLines, errorLines, grantLines, latencyLines, nodeLines, rateLines } from '#dashboard/lines.ts'
import { begin, change, happen, type Model } from '#dashboard/model.ts'
import type { Hello, Snapshot } from '#status/contract.ts'
import { mergePatch as patchFrom } from '#status/merge-patch.ts'
import { madeUpState, type Variant } from '#test/dashboard/fixture-state.ts'

const START = 1_790_000_000_000
const HELLO: Hello = {
  type: 'hello',
  protocol: 1,
  epoch: 'e',
  node: 'gw-1',
  interval_ms: 1000,
  series: ['clusters.*.rates.*', 'clusters.*.errorRates.*', 'clusters.*.latencyMs.*.*', 'nodes.*.cpu'],
}
const HISTORY = { step_ms: 1000, from: START, series: {} }

/** A snapshot and then one frame a second. */
function modelAfter(seconds: number, variant: Variant = 'normal'): Model {
  const stateAt = (second: number) =>
    madeUpState(START + second * 1000, second, { variant, withLists: true, asked: [] })
  const snapshot: Snapshot = {
    type: 'snapshot',
    seq: 1,
    ts: START,
    state: stateAt(0),
    history: HISTORY,
    events: [],
  }
  let model = begin(HELLO, snapshot, null)
  for (let second = 1; second <= seconds; second++) {
    const state = patchFrom(stateAt(second - 1), stateAt(second))
    model = change(model, { type: 'delta', seq: second + 1, ts: START + second * 1000, state })
  }
  return model
}

test('frames add up to the state that the last one speaks of', () => {
  const model = modelAfter(3)
  const expected = madeUpState(START + 3000, 3, { variant: 'normal', withLists: true, asked: [] })
  assert.deepEqual(model.state, expected)
  assert.equal(model.recording.times.length, 4)
  const event = { ts: START, kind: 'reload', severity: 'info', text: 'reloaded' } as const
  assert.deepEqual(happen(model, { type: 'event', seq: 9, ...event }).events, [event])
})

test('a line for each cluster, and for the chosen one of the chosen node', () => {
  const model = modelAfter(2)
  const all = rateLines(model, {}, 'batchesIn')
  assert.deepEqual(
    all.map(({ label }) => label),
    ['eu-1', 'us-west', 'archive'],
  )
  assert.equal(all[1]!.points.at(-1), model.state.clusters['us-west']!.rates.batchesIn)
  const [one, ...none] = rateLines(model, { node: 'gw-2', cluster: 'us-west' }, 'batchesIn')
  assert.equal(none.length, 0)
  assert.equal(one!.colour, all[1]!.colour, 'a name keeps its colour')
  assert.equal(one!.points.at(-1), model.state.nodes['gw-2']!.clusters['us-west']!.rates.batchesIn)
  assert.equal(clusterLines(model, { cluster: 'gone' }, 'lanes').length, 0)
})

test('percentiles of several clusters are those of the slowest', () => {
  const model = modelAfter(1)
  const p99 = (name: string) => model.state.clusters[name]!.latencyMs.upstream.p99!
  const [, , slowest] = latencyLines(model, {}, 'upstream')
  assert.equal(slowest!.points.at(-1), Math.max(p99('eu-1'), p99('us-west')))
  const [, , chosen] = latencyLines(model, { cluster: 'eu-1' }, 'upstream')
  assert.equal(chosen!.points.at(-1), p99('eu-1'))
})

test('errors go by their Kafka name, and are 0 while only others occur', () => {
  const model = modelAfter(1)
  const names = errorLines(model, {}).map(({ label }) => label)
  assert.deepEqual(names, ['NOT_LEADER_OR_FOLLOWER', 'REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS'])
  assert.deepEqual(errorLines(model, { cluster: 'eu-1' }), [])
  delete model.state.clusters.archive!.errorRates[19]
  model.recording.append(START + 2000, model.state)
  assert.equal(errorLines(model, {})[2]!.points.at(-1), 0)
})

test('grants are those of the live nodes together, and no limit has no line', () => {
  const model = modelAfter(1)
  const lanes = grantLines(model, { cluster: 'eu-1' }, 'lanes')
  assert.deepEqual(
    lanes.map(({ label, dashed }) => [label, dashed ?? false]),
    [
      ['eu-1 used', false],
      ['eu-1 granted', true],
    ],
  )
  assert.equal(lanes[1]!.points.at(-1), 24, 'gw-3 is gone')
  assert.equal(grantLines(model, { node: 'gw-1', cluster: 'eu-1' }, 'lanes')[1]!.points.at(-1), 12)
  assert.equal(grantLines(model, { cluster: 'eu-1' }, 'submissionsPerSecond').length, 1)
  assert.equal(nodeLines(model, {}, 'cpu')[2]!.points.at(-1), null)
})

test('the key figures are those of the fleet', () => {
  const model = modelAfter(15)
  const figures = new Map(keyFigures(model).map((figure) => [figure.label, figure]))
  const sum = Object.values(model.state.clusters).reduce((all, { rates }) => all + rates.batchesIn, 0)
  assert.equal(figures.get('Batches in')!.points.at(-1), sum)
  assert.equal(figures.get('Connections')!.now.text, '1,900', 'without those of the node that is gone')
  assert.equal(figures.get('Errors')!.mood, 'bad')
  assert.equal(figures.size, 9)
  const fresh = keyFigures(modelAfter(1, 'empty')).map(({ label, now }) => `${label} ${join(now)}`)
  assert.ok(fresh.includes('Batches in 0\u00a0/s') && fresh.includes('Slowest p99 –'))
})
