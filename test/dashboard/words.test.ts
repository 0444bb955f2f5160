import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeOfDay } from '#dashboard/format.ts'
import {
  clusterReasons,
  configSentence,
  fleetSentence,
  nodeWords,
  redisSentence,
  versionSentence,
} from '#dashboard/words.ts'
import type { State } from '#status/contract.ts'
import { madeUpState, type Variant } from '#test/dashboard/fixture-state.ts'

const NOW = 1_790_000_000_000
const stateOf = (variant: Variant): State => madeUpState(NOW, 0, { variant, withLists: false, asked: [] })

/** With these nodes and clusters only. */
function only(nodes: string[], clusters: string[]): State {
  const state = stateOf('normal')
  const pick = <T>(all: Record<string, T>, names: string[]) =>
    Object.fromEntries(names.map((name) => [name, all[name]!]))
  return { ...state, nodes: pick(state.nodes, nodes), clusters: pick(state.clusters, clusters) }
}

test('the fleet in one sentence', () => {
  const cases: [State, string, string][] = [
    [stateOf('normal'), '2 of 3 nodes serving, 1 gone; clusters us-west degraded and archive down.', 'bad'],
    [only(['gw-1', 'gw-2'], ['eu-1']), 'Both nodes serving; cluster eu-1 up.', 'good'],
    [only(['gw-1'], ['eu-1', 'us-west']), '1 node serving; cluster us-west degraded.', 'warning'],
    [only(['gw-1', 'gw-3'], ['eu-1']), '1 of 2 nodes serving, 1 gone; cluster eu-1 up.', 'warning'],
    [only(['gw-3'], ['eu-1']), '0 of 1 node serving, 1 gone; cluster eu-1 up.', 'bad'],
    [only(['gw-1'], []), '1 node serving; no cluster is configured.', 'warning'],
  ]
  for (const [state, text, mood] of cases) assert.deepEqual(fleetSentence(state), { text, mood })
})

test('a fleet without Redis is not well', () => {
  const state = { ...only(['gw-1'], ['eu-1']), fleet: stateOf('redis-down').fleet }
  assert.equal(fleetSentence(state).mood, 'warning')
})

test('clusters that are not up tell why', () => {
  const reasons = clusterReasons(stateOf('normal'))
  assert.deepEqual(
    reasons.map(({ name, state }) => `${name} ${state}`),
    ['us-west degraded', 'archive down'],
  )
  assert.match(reasons[1]!.reason, /ECONNREFUSED/)
})

test('Redis: up, unreachable since a time, or not wanted', () => {
  assert.deepEqual(redisSentence(stateOf('normal')), { text: 'Redis up', mood: 'good' })
  assert.equal(redisSentence(stateOf('alone')), null)
  const state = stateOf('redis-down')
  const text = `This node only: Redis unreachable since ${timeOfDay(state.fleet.since!)}`
  assert.deepEqual(redisSentence(state), { text, mood: 'warning' })
})

test('configuration and version: equal, or who has which; a node that is gone has no say', () => {
  assert.equal(configSentence(stateOf('normal')).text, 'Configuration 9f2ab7c4, equal on all nodes')
  assert.equal(versionSentence(stateOf('normal')).text, 'Version 0.1.0')
  const drift = stateOf('drift')
  assert.deepEqual(configSentence(drift), {
    text: 'Configuration differs: 9f2ab7c4 on gw-1; c0ffee12 on gw-2',
    mood: 'warning',
  })
  assert.equal(versionSentence(drift).text, 'Versions differ: 0.1.0 on gw-1; 0.2.0 on gw-2')
  assert.equal(configSentence(only(['gw-1'], [])).text, 'Configuration 9f2ab7c4')
})

test('what a node does, and how old that is', () => {
  const { nodes } = stateOf('normal')
  const plain = (id: string, after: number) => {
    const { text, old } = nodeWords(nodes[id]!, NOW + after)
    return [text.replaceAll('\u00a0', ' '), old]
  }
  assert.deepEqual(plain('gw-1', 0), ['serving', false])
  assert.deepEqual(plain('gw-1', 12_000), ['serving, as of 12 s ago', true])
  assert.deepEqual(plain('gw-3', 0), ['gone, last seen 1 min 35 s ago', true])
  const drained = nodeWords({ ...nodes['gw-1']!, state: 'draining', drained: true }, NOW)
  assert.equal(drained.text, 'drained')
})
