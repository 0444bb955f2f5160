import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { NodeFigures } from '#status/figures.ts'
import { clusterSample, workerSample } from '#test/status/samples.ts'

/** Samples that come so far apart, in ms. */
function figuresOf(t: TestContext, step: number, samples: ReturnType<typeof workerSample>[]): NodeFigures {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const figures = new NodeFigures()
  for (const sample of samples) {
    now += step
    figures.add(sample, new Set())
  }
  return figures
}

function sampleOf(acks: number, more: Parameters<typeof clusterSample>[0] = {}) {
  const { totals } = clusterSample()
  const eu = clusterSample({ totals: { ...totals, acks }, errorCodes: { 7: acks / 10 }, ...more })
  return workerSample({ clusters: { eu } })
}

test('rates are per second, however far apart the samples are', (t) => {
  const figures = figuresOf(t, 500, [sampleOf(100), sampleOf(150)])
  assert.equal(figures.of('eu').rates.acks, 100)
  assert.deepEqual(figures.of('eu').errorRates, { 7: 10 })
  assert.equal(figures.of('eu').rates.batchesIn, 0)
})

test('one sample tells no rate', (t) => {
  const figures = figuresOf(t, 1000, [sampleOf(100)])
  assert.equal(figures.of('eu').rates.acks, 0)
  assert.deepEqual(figures.of('eu').errorRates, {})
})

test('a cluster that came by a reload began at nothing, and so did one that came back', (t) => {
  const without = workerSample({ clusters: {} })
  assert.equal(figuresOf(t, 1000, [without, sampleOf(30)]).of('eu').rates.acks, 30)
  t.mock.restoreAll()
  assert.equal(figuresOf(t, 1000, [sampleOf(100), sampleOf(30)]).of('eu').rates.acks, 30)
})

test('a cluster that nobody has sampled yet has no rates', (t) => {
  assert.equal(figuresOf(t, 1000, []).of('eu').rates.acks, 0)
})

test('packing is that of the last ten seconds', (t) => {
  const { totals } = clusterSample()
  const of = (submissions: number, batchesSubmitted: number) =>
    sampleOf(0, { totals: { ...totals, submissions, batchesSubmitted } })
  const old = [of(100, 100), of(200, 200)]
  const recent = Array.from({ length: 11 }, (_, i) => of(300 + i * 10, 300 + i * 80))
  assert.equal(figuresOf(t, 1000, [...old, ...recent]).of('eu').batchesPerSubmission, 8)
})

test('CPU is that of the processes which were there before', (t) => {
  const of = (cpu: number, more = {}) =>
    workerSample({ processes: { 77: { residentBytes: 1, cpu }, ...more } })
  const young = { 78: { residentBytes: 1, cpu: 9_000_000 } }
  assert.equal(figuresOf(t, 2000, [of(1_000_000), of(2_000_000, young)]).cpu, 0.5)
})

test('topics may be called as what every object inherits', (t) => {
  const names = ['constructor', 'toString', 'valueOf']
  const { topics } = clusterSample()
  const [some] = Object.values(topics)
  const of = (acks: number) =>
    sampleOf(0, { topics: Object.fromEntries(names.map((name) => [name, { ...some!, acks }])) })
  const shown = figuresOf(t, 1000, [of(10), of(15)]).topics(of(15))
  for (const name of names) {
    assert.equal(shown[name]!.totals.acks, 15)
    assert.equal(shown[name]!.rates.acks, 5)
  }
  assert.deepEqual(Object.keys(shown).sort(), names)
})
