import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '#status/contract.ts'
import { Recorder, SERIES } from '#status/history.ts'
import { cluster, fleet, node, START } from '#test/status/states.ts'

const rates = { batchesIn: 0, recordsIn: 0, bytesIn: 0, submissions: 0, acks: 0, errors: 0 }
const at = (second: number, recordsIn: number, more: Partial<State> = {}) =>
  fleet({
    ts: START + second * 1000,
    clusters: { eu: cluster({ rates: { ...rates, recordsIn } }) },
    ...more,
  })

const RECORDS = 'clusters.eu.rates.recordsIn'
const CONNECTIONS = 'nodes.gw-1.connections'

test('a point a second, the newest last, and its time can be told from the first', () => {
  const recorder = new Recorder()
  for (let i = 0; i < 5; i++) recorder.add(at(i, 10 * i))
  const { step_ms, from, series } = recorder.history()
  assert.deepEqual([step_ms, from], [1000, START])
  assert.deepEqual(series[RECORDS], [0, 10, 20, 30, 40])
})

test('before anything was recorded there is nothing', () => {
  assert.deepEqual(Object.keys(new Recorder().history().series), [])
})

test('every series that is promised is there when the state has it', () => {
  const recorder = new Recorder()
  recorder.add(
    at(0, 1, {
      nodes: { 'gw-1': node({ heldBack: { pipelined: 1 } }) },
      clusters: {
        eu: cluster({
          errorRates: { 19: 2 },
          latencyMs: {
            gateway: { p50: 1, p95: 2, p99: 3 },
            upstream: { p50: 1, p95: 2, p99: 3 },
            total: { p50: 1, p95: 2, p99: 3 },
          },
        }),
      },
    }),
  )
  const names = Object.keys(recorder.history().series)
  for (const path of SERIES) {
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`)
    assert.ok(
      names.some((name) => pattern.test(name)),
      path,
    )
  }
})

test('15 minutes stay', () => {
  const recorder = new Recorder()
  for (let i = 0; i < 1000; i++) recorder.add(at(i, i % 500))
  const { from, series } = recorder.history()
  assert.equal(from, START + 100 * 1000)
  const expected = Array.from({ length: 900 }, (_, i) => (i + 100) % 500)
  assert.deepEqual(series[RECORDS], expected)
})

test('seconds that were missed are gaps; a second that came a little late is none', () => {
  const recorder = new Recorder()
  for (const [i, second] of [0, 1.4, 2.1, 5, 6].entries()) recorder.add(at(second, i))
  assert.deepEqual(recorder.history().series[RECORDS], [0, 1, 2, null, null, 3, 4])
})

test('a clock that is set back, or far ahead, does no harm', () => {
  const recorder = new Recorder()
  recorder.add(at(0, 1))
  recorder.add(at(-500, 2))
  assert.deepEqual(recorder.history().series[RECORDS], [1, 2])
  recorder.add(at(1e9, 3))
  const { series, from } = recorder.history()
  assert.equal(series[RECORDS]!.length, 900)
  assert.equal(series[RECORDS]!.at(-1), 3)
  assert.equal(from, START + 1e12 - 899 * 1000)
})

test('all series are equally long, and null where there was nothing', () => {
  const recorder = new Recorder()
  recorder.add(at(0, 1))
  const both = { eu: cluster(), us: cluster({ batchesPerSubmission: 7 }) }
  recorder.add(at(1, 2, { clusters: both }))
  recorder.add(at(2, 3))
  const { series } = recorder.history()
  assert.deepEqual(series['clusters.us.batchesPerSubmission'], [null, 7, null])
  for (const points of Object.values(series)) assert.equal(points.length, 3)
})

test('a node that is gone adds no points, and is forgotten 15 minutes after its last one', () => {
  const recorder = new Recorder()
  const gone = { nodes: { 'gw-1': node({ state: 'gone' as const }) } }
  recorder.add(at(0, 1))
  for (let i = 1; i < 900; i++) recorder.add(at(i, 1, gone))
  assert.equal(recorder.history().series[CONNECTIONS]!.length, 900)
  assert.deepEqual(recorder.history().series[CONNECTIONS]!.slice(0, 2), [7, null])
  recorder.add(at(900, 1, gone))
  assert.equal(recorder.history().series[CONNECTIONS], undefined)
  assert.ok(recorder.history().series[RECORDS])
})

test('points have four digits', () => {
  const recorder = new Recorder()
  for (const [i, rate] of [123_456, 0.123456, 9999.6, 0, 12].entries()) recorder.add(at(i, rate))
  assert.deepEqual(recorder.history().series[RECORDS], [123_500, 0.1235, 10_000, 0, 12])
})

test('there are never more than 500 series, those of the clusters first', () => {
  const recorder = new Recorder()
  const many = Array.from({ length: 400 }, (_, i) => [`gw-${i}`, node()])
  recorder.add(at(0, 1, { nodes: Object.fromEntries(many) }))
  const names = Object.keys(recorder.history().series)
  assert.equal(names.length, 500)
  assert.ok(names.includes(RECORDS))
})
