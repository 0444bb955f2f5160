import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportOf } from '#status/node-report.ts'
import { OtherNodes } from '#status/other-nodes.ts'
import { OTHER } from '#status/top.ts'
import { clusterSample, durations, nodeSources, stateOf, workerSample } from '#test/status/samples.ts'

test('a node tells of itself and of the clusters it writes to', () => {
  const state = stateOf(nodeSources([workerSample()]))
  assert.equal(state.node, 'gw-1')
  const { version, workers, connections, inFlightBytes, state: how } = state.nodes['gw-1']!
  assert.deepEqual([how, version, workers, connections, inFlightBytes], ['serving', '1.2.3', 2, 7, 700])
  assert.equal(state.nodes['gw-1']!.residentBytes, 2 << 20, 'the control process counts')
  const { topics, partitions, refreshedAt, lanes, totals } = state.clusters.eu!
  assert.deepEqual([topics, partitions, refreshedAt, lanes, totals.acks], [4, 12, 1_700_000_000_000, 2, 99])
  assert.equal(state.clusters.eu!.batchesPerSubmission, 2.5)
  for (const internal of ['retired', 'durations', 'topics'] as const)
    assert.notEqual(typeof (state.clusters.eu as any)[internal], 'object', `${internal} is between processes`)
})

test('before the first report everything is zero and the clusters are down', () => {
  const state = stateOf(nodeSources([null]))
  assert.equal(state.nodes['gw-1']!.connections, 0)
  const { state: how, reason, batchesPerSubmission, topics } = state.clusters.eu!
  assert.deepEqual([how, reason, batchesPerSubmission, topics], ['down', 'no worker has reported yet', 0, 4])
  assert.deepEqual(state.clusters.eu!.latencyMs.total, { p50: null, p95: null, p99: null })
})

test('a cluster that was not reached yet is down, with the reason if there is one', () => {
  const eu = (reason: string) => {
    const clusters = { eu: clusterSample({ state: 'connecting', reason }) }
    return stateOf(nodeSources([workerSample({ clusters })])).clusters.eu!
  }
  assert.deepEqual([eu('').state, eu('').reason], ['down', 'not reached yet'])
  assert.deepEqual([eu('refused').state, eu('refused').reason], ['down', 'refused'])
})

test('percentiles are of what was answered between the samples', () => {
  const before = clusterSample()
  const after = clusterSample({
    durations: { ...before.durations, total: durations([99, 4], [98, 10], [2, 1000]) },
  })
  const samples = [before, after].map((eu) => workerSample({ clusters: { eu } }))
  const { total, gateway } = stateOf(nodeSources(samples)).clusters.eu!.latencyMs
  assert.ok(total.p50! > 8 && total.p50! < 12, `${total.p50}`)
  assert.ok(total.p99! > 800 && total.p99! < 1200, `${total.p99}`)
  assert.deepEqual(gateway, { p50: null, p95: null, p99: null }, 'nothing new')
})

test('the fleet is the sum of its live nodes, and one that is gone is shown and not counted', () => {
  const node = nodeSources([workerSample({ clients: [client(3)] })])
  const report = { ...reportOf(node), ts: 5 }
  const others = new OtherNodes()
  const live = ['gw-2', 'gw-3'].map((id) => ({ id, state: 'serving' as const, sample: report }))
  others.update(live, 1000)
  const whole = stateOf(node, { others })
  assert.equal(whole.clusters.eu!.totals.acks, 3 * 99)
  assert.equal(whole.topics.orders!.totals.recordsIn, 3 * 220)
  assert.equal(whole.clusters.eu!.batchesPerSubmission, 2.5)
  const [shown] = whole.clients
  assert.deepEqual([shown!.connections, shown!.nodes], [9, ['gw-1', 'gw-2', 'gw-3']])

  others.update(live.slice(1), 2000)
  const later = stateOf(node, { others })
  assert.equal(later.clusters.eu!.totals.acks, 2 * 99)
  assert.deepEqual([later.nodes['gw-2']!.state, later.nodes['gw-2']!.seenAt], ['gone', 1000])
  assert.equal(later.nodes['gw-3']!.seenAt, 1000, 'it has said nothing new')

  others.update([], 1000 + 11 * 60_000)
  assert.deepEqual(Object.keys(stateOf(node, { others }).nodes), ['gw-1'])
})

test('a node that reports in the words of another version is left out', () => {
  const others = new OtherNodes()
  others.update([{ id: 'gw-2', state: 'serving', sample: { connections: 4 } }], 1000)
  assert.deepEqual(Object.keys(stateOf(nodeSources([workerSample()]), { others }).nodes), ['gw-1'])
})

test('a cluster that one node cannot reach is degraded, and it says which node', () => {
  const down = clusterSample({ state: 'down', reason: 'refused' })
  const others = new OtherNodes()
  const sample = reportOf(nodeSources([workerSample({ clusters: { eu: down } })]))
  others.update([{ id: 'gw-2', state: 'serving', sample }], 1000)
  const { state, reason } = stateOf(nodeSources([workerSample()]), { others }).clusters.eu!
  assert.deepEqual([state, reason], ['degraded', 'down for gw-2: refused'])
})

test('of many topics the busiest are shown, those asked for, and the rest as one', () => {
  const topics = (scale: number) => {
    const of = (i: number) => ({ batchesIn: i, recordsIn: i, bytesIn: i * scale, acks: i, errors: 0 })
    return Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`t${i}`, of(i)]))
  }
  const samples = [1, 2].map((scale) =>
    workerSample({ clusters: { eu: clusterSample({ topics: topics(scale) }) } }),
  )
  const shown = stateOf(nodeSources(samples), {
    named: { topics: new Set(['t3', 'new']), clients: new Set() },
  })
  assert.ok('t299' in shown.topics && 't100' in shown.topics && !('t99' in shown.topics))
  assert.equal(shown.topics.new!.totals.recordsIn, 0)
  const sum = (from: number, to: number) => ((to - from) * (from + to - 1)) / 2
  assert.equal(shown.topics[OTHER]!.totals.recordsIn, sum(0, 100))
})

test('idle topics fill the list', () => {
  const { topics } = stateOf(nodeSources([workerSample()]), { topicNames: ['orders', 'idle'] })
  assert.deepEqual(Object.keys(topics), ['orders', 'idle'])
  assert.equal(topics.idle!.rates.bytesIn, 0)
})

function client(connections: number) {
  const rates = { batchesIn: 1, recordsIn: 1, bytesIn: 1, errors: 0 }
  return { id: 'app', address: '10.0.0.1', softwareName: 'kafkajs', softwareVersion: '2', connections, rates }
}
