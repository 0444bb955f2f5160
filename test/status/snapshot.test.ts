import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Sources, snapshot } from '#status/snapshot.ts'
import { clusterSample, grant, nodeSources, workerSample } from '#test/status/samples.ts'

const map = {
  topics: 4,
  partitions: 12,
  refreshedAt: 1_700_000_000_000,
  refreshError: '',
  refreshFailedAt: null,
}
const stateOf = (more: Partial<Sources> = {}) =>
  snapshot({
    ...nodeSources,
    sample: workerSample(),
    maps: new Map([['eu', map]]),
    grants: new Map([['eu', grant]]),
    ...more,
  })

test('a node tells of itself and of the clusters it writes to', () => {
  const state = stateOf()
  assert.equal(state.node, 'gw-1')
  assert.deepEqual(state.fleet, { mode: 'local', redis: 'none', reason: '' })
  const { version, workers, connections, inFlightBytes, state: how } = state.nodes['gw-1']!
  assert.deepEqual([how, version, workers, connections, inFlightBytes], ['serving', '1.2.3', 2, 7, 700])
  const { topics, partitions, refreshedAt, lanes, totals } = state.clusters.eu!
  assert.deepEqual([topics, partitions, refreshedAt, lanes, totals.acks], [4, 12, map.refreshedAt, 2, 99])
  assert.equal(state.clusters.eu!.batchesPerSubmission, 2.5)
  assert.ok(!('retired' in state.clusters.eu!), 'that is between control and workers')
})

test('before the first report everything is zero and the clusters are down', () => {
  const state = stateOf({ sample: null })
  assert.equal(state.nodes['gw-1']!.connections, 0)
  const { state: how, reason, batchesPerSubmission, topics } = state.clusters.eu!
  assert.deepEqual([how, reason, batchesPerSubmission, topics], ['down', 'no worker has reported yet', 0, 4])
})

test('a cluster that was not reached yet is down, with the reason if there is one', () => {
  const eu = (reason: string) =>
    stateOf({ sample: workerSample({ clusters: { eu: clusterSample({ state: 'connecting', reason }) } }) })
      .clusters.eu!
  assert.deepEqual([eu('').state, eu('').reason], ['down', 'not reached yet'])
  assert.deepEqual([eu('refused').state, eu('refused').reason], ['down', 'refused'])
})

test('a degraded cluster says why', () => {
  const sample = workerSample({ clusters: { eu: clusterSample({ state: 'degraded', reason: 'two ids' }) } })
  const { state, reason } = stateOf({ sample }).clusters.eu!
  assert.deepEqual([state, reason], ['degraded', 'two ids'])
})
