import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeSamples, retire } from '#gateway/merge-samples.ts'
import type { ClusterSample, WorkerSample } from '#status/samples.ts'
import { clusterSample, workerSample } from '#test/status/samples.ts'

const cluster = (more: Partial<ClusterSample> = {}): ClusterSample =>
  clusterSample({
    totals: {
      batchesIn: 10,
      recordsIn: 20,
      bytesIn: 1000,
      submissions: 4,
      acks: 9,
      errors: 1,
      batchesSubmitted: 10,
      retries: 1,
    },
    errorCodes: { 19: 1 },
    ...more,
  })
const sample = (more: Partial<WorkerSample> = {}) =>
  workerSample({ closed: { idle: 1 }, clusters: { eu: cluster() }, ...more })

test('workers add up, field by field and code by code', () => {
  const merged = mergeSamples([
    sample(),
    sample({ closed: { idle: 2, drain: 1 }, clusters: { eu: cluster({ errorCodes: { 19: 2, 7: 1 } }) } }),
  ])!
  assert.equal(merged.connections, 14)
  assert.equal(merged.memoryBudget, 2000)
  assert.deepEqual(merged.closed, { idle: 3, drain: 1 })
  assert.equal(merged.clusters.eu!.totals.acks, 18)
  assert.deepEqual(merged.clusters.eu!.errorCodes, { 19: 3, 7: 1 })
  assert.equal(merged.clusters.eu!.durations.total.sum, 2 * 99 * 4)
  assert.deepEqual(merged.requests, { 'Produce/9': 120, 'Metadata/12': 16 })
  assert.equal(merged.loopDelayMs, 2, 'the worst')
})

test('a client of two workers is one', () => {
  const named = { id: 'app', address: '10.0.0.1', softwareName: 'kafkajs', softwareVersion: '2' }
  const rates = { batchesIn: 2, recordsIn: 3, bytesIn: 4, errors: 1 }
  const clients = [{ ...named, connections: 1, rates }]
  const [one, ...more] = mergeSamples([sample({ clients }), sample({ clients })])!.clients
  assert.deepEqual([one!.connections, one!.rates.recordsIn, more], [2, 6, []])
})

test('a worker that died leaves its totals and nothing that was open', () => {
  const merged = mergeSamples([sample(), retire(sample())])!
  assert.equal(merged.accepted, 16)
  assert.equal(merged.connections, 7)
  assert.equal(merged.reservedBytes, 30)
  assert.equal(merged.clusters.eu!.totals.acks, 18)
  assert.equal(merged.clusters.eu!.waiting, 5)
})

test('the living say how a cluster is, a degraded view before a good one', () => {
  const stateOf = (...clusters: ClusterSample[]) => {
    const { state, reason } = mergeSamples(clusters.map((eu) => sample({ clusters: { eu } })))!.clusters.eu!
    return [state, reason]
  }
  assert.deepEqual(stateOf(cluster({ state: 'down', reason: 'gone' }), cluster()), ['up', ''])
  assert.deepEqual(stateOf(cluster(), cluster({ state: 'degraded', reason: 'other id' })), [
    'degraded',
    'other id',
  ])
  const dead = cluster({ state: 'up', retired: true })
  assert.deepEqual(stateOf(cluster({ state: 'down', reason: 'gone' }), dead), ['down', 'gone'])
})
