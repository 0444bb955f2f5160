import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FleetStatus, NodeStatus, State } from '#status/contract.ts'
import { eventsBetween } from '#status/events.ts'
import { cluster, fleet, node, START } from '#test/status/states.ts'

const told = (before: Partial<State>, after: Partial<State>) =>
  eventsBetween(fleet(before), fleet({ ts: START + 1000, ...after })).map(({ kind, severity, text }) => [
    kind,
    severity,
    text,
  ])

const nodes = (more: Record<string, Partial<NodeStatus>>) => ({
  nodes: Object.fromEntries(Object.entries(more).map(([id, figures]) => [id, node(figures)])),
})

test('where nothing has happened nothing is told', () => {
  assert.deepEqual(told({}, { clusters: { eu: cluster({ lanes: 99, batchesPerSubmission: 3 }) } }), [])
})

test('an event says when, what and to whom', () => {
  const events = eventsBetween(fleet(), fleet({ ts: START + 1000, ...nodes({ 'gw-1': {}, 'gw-2': {} }) }))
  assert.deepEqual(events, [
    {
      ts: START + 1000,
      kind: 'node_joined',
      severity: 'info',
      node: 'gw-2',
      text: 'gw-2 has joined: it is serving',
    },
  ])
  const down = { eu: cluster({ state: 'down', reason: 'no broker answers' }) }
  assert.deepEqual(eventsBetween(fleet(), fleet({ clusters: down })), [
    {
      ts: START,
      kind: 'cluster_state',
      severity: 'error',
      cluster: 'eu',
      text: 'eu is down: no broker answers',
    },
  ])
})

test('nodes come and go', () => {
  const both = nodes({ 'gw-1': {}, 'gw-2': {} })
  assert.deepEqual(told(both, nodes({ 'gw-1': {}, 'gw-2': { state: 'gone' } })), [
    ['node_gone', 'error', 'gw-2 is gone without a drain'],
  ])
  assert.deepEqual(told(both, nodes({ 'gw-1': {} })), [
    ['node_gone', 'error', 'gw-2 is gone without a drain'],
  ])
  const draining = nodes({ 'gw-1': {}, 'gw-2': { state: 'draining' } })
  const gone = nodes({ 'gw-1': {}, 'gw-2': { state: 'gone' } })
  assert.deepEqual(told(both, draining), [['node_state', 'warning', 'gw-2 is draining']])
  assert.deepEqual(told(draining, gone), [['node_gone', 'info', 'gw-2 has left after its drain']])
  assert.deepEqual(told(gone, nodes({ 'gw-1': {} })), [])
  assert.deepEqual(told(gone, both), [['node_joined', 'info', 'gw-2 has joined: it is serving']])
})

test('a node drains, is drained, serves again, or was started anew', () => {
  const one = (more: Partial<NodeStatus>) => nodes({ 'gw-1': more })
  assert.deepEqual(told(one({ state: 'starting' }), one({})), [['node_state', 'info', 'gw-1 is serving']])
  const draining = { state: 'draining' as const }
  assert.deepEqual(told(one(draining), one({ ...draining, drained: true })), [
    ['node_state', 'info', 'gw-1 is drained'],
  ])
  assert.deepEqual(told(one({ ...draining, drained: true }), one({})), [
    ['node_state', 'info', 'gw-1 is serving'],
  ])
  assert.deepEqual(told(one({ workersLost: 5 }), one({ startedAt: START, state: 'starting' })), [
    ['node_joined', 'warning', 'gw-1 was started anew: it is starting'],
  ])
})

test('clusters change their state, with the reason; a new one is no news', () => {
  const eu = (state: 'up' | 'degraded' | 'down', reason: string) => ({
    clusters: { eu: cluster({ state, reason }) },
  })
  assert.deepEqual(told(eu('up', ''), eu('degraded', 'b2 is away')), [
    ['cluster_state', 'warning', 'eu is degraded: b2 is away'],
  ])
  assert.deepEqual(told(eu('down', 'x'), eu('down', 'y')), [])
  assert.deepEqual(told(eu('down', 'x'), eu('up', '')), [['cluster_state', 'info', 'eu is up again']])
  assert.deepEqual(told({ clusters: {} }, eu('down', 'x')), [])
  assert.deepEqual(told(eu('down', 'x'), { clusters: {} }), [])
  const long = told(eu('up', ''), eu('down', 'x'.repeat(10_000)))
  assert.ok(long[0]![2]!.length < 600)
})

test('reloads end well or not', () => {
  const one = (reload: NodeStatus['reload']) => nodes({ 'gw-1': { reload } })
  assert.deepEqual(told(one(null), one({ at: 5, ok: true, text: ['routes', 'limits.pipelined'] })), [
    ['reload', 'info', 'gw-1 has reloaded: routes; limits.pipelined'],
  ])
  assert.deepEqual(told(one(null), one({ at: 5, ok: true, text: [] })), [
    ['reload', 'info', 'gw-1 has reloaded: nothing has changed'],
  ])
  assert.deepEqual(
    told(one({ at: 5, ok: true, text: [] }), one({ at: 6, ok: false, text: ['no such cluster'] })),
    [['reload', 'error', 'gw-1 has refused a reload: no such cluster']],
  )
  assert.deepEqual(told(one({ at: 5, ok: true, text: [] }), one({ at: 5, ok: true, text: [] })), [])
})

test('workers are lost', () => {
  const one = (workersLost: number) => nodes({ 'gw-1': { workersLost } })
  assert.deepEqual(told(one(0), one(1)), [
    ['worker_lost', 'error', 'gw-1 has lost a worker and started anew what was lost'],
  ])
  assert.match(told(one(1), one(4))[0]![2]!, /has lost 3 workers/)
})

const UP: FleetStatus = { mode: 'redis', redis: 'up', reason: '', since: START - 60_000 }
const DOWN: FleetStatus = { mode: 'redis', redis: 'down', reason: 'ECONNREFUSED', since: START }

test('Redis is lost and comes back, which says nothing of the other nodes', () => {
  const both = { 'gw-1': {}, 'gw-2': { configHash: 'other' } }
  const alone = { 'gw-1': {}, 'gw-2': { configHash: 'other', state: 'gone' as const } }
  const up = { fleet: UP, ...nodes(both) }
  assert.deepEqual(told(up, { fleet: DOWN, ...nodes(alone) }), [
    ['redis_state', 'warning', 'Redis is lost: ECONNREFUSED. The figures are those of this node alone'],
  ])
  const back = { ...UP, since: START + 1000 }
  assert.deepEqual(told({ fleet: DOWN, ...nodes(alone) }, { fleet: back, ...nodes(both) }), [
    ['redis_state', 'info', 'Redis is back: the figures are those of the fleet'],
  ])
  // The registry is read a moment after Redis is back.
  assert.deepEqual(
    told({ fleet: back, ...nodes(alone) }, { ts: START + 2000, fleet: back, ...nodes(both) }),
    [],
  )
})

test('without Redis the node still tells of itself', () => {
  const one = (state: 'serving' | 'draining') => ({ fleet: DOWN, ...nodes({ 'gw-1': { state } }) })
  assert.deepEqual(told(one('serving'), one('draining')), [['node_state', 'warning', 'gw-1 is draining']])
})

test('configurations drift apart and come together', () => {
  const two = (a: string, b: string) => nodes({ 'gw-1': { configHash: a }, 'gw-2': { configHash: b } })
  assert.deepEqual(told(two('a', 'a'), two('a', 'b')), [
    ['config_drift', 'warning', 'the nodes run 2 configurations: a on gw-1; b on gw-2'],
  ])
  assert.deepEqual(told(two('a', 'b'), two('a', 'c')), [])
  assert.deepEqual(told(two('a', 'b'), two('b', 'b')), [
    ['config_drift', 'info', 'all nodes run the same configuration again'],
  ])
})
