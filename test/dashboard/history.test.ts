import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresAt, growth, latest, maxOf, Recording, sumOf } from '#dashboard/history.ts'
import type { State } from '#status/contract.ts'
import { madeUpState } from '#test/dashboard/fixture-state.ts'

const PATH = 'nodes.gw-1.connections'
const START = 1_790_000_000_000
const PATTERNS = ['nodes.*.connections']

function stateWith(connections: number, state: 'serving' | 'gone' = 'serving'): State {
  const whole = madeUpState(START, 0, { variant: 'alone', withLists: false, asked: [] })
  return { ...whole, nodes: { 'gw-1': { ...whole.nodes['gw-1']!, connections, state } } }
}

function recordingOf(points: (number | null)[]): Recording {
  return new Recording(PATTERNS, { step_ms: 1000, from: START, series: { [PATH]: points } })
}

test('paths are found by pattern, names with dots among them', () => {
  const root = { nodes: { 'gw.a': { cpu: 1, state: 'serving' }, 'gw.b': { cpu: 2 } }, other: 3 }
  assert.deepEqual(
    [...figuresAt(root, ['nodes', '*', 'cpu'])],
    [
      ['nodes.gw.a.cpu', 1],
      ['nodes.gw.b.cpu', 2],
    ],
  )
  assert.deepEqual([...figuresAt(root, ['nodes', '*', 'state'])], [], 'only numbers')
  assert.deepEqual([...figuresAt(root, ['absent', '*'])], [])
})

test('a frame adds a point to every series', () => {
  const recording = recordingOf([5, 6])
  recording.append(START + 2000, stateWith(7))
  assert.deepEqual(recording.points(PATH), [5, 6, 7])
  assert.deepEqual(recording.times, [START, START + 1000, START + 2000])
  assert.deepEqual(recording.points('nodes.gw-9.connections'), [null, null, null], 'nothing is known of it')
})

test('what the server has no history of is recorded from now on', () => {
  const recording = recordingOf([5, 6])
  recording.append(START + 2000, stateWith(7))
  const batches = recording.points('nodes.gw-1.clusters.eu-1.rates.batchesIn')
  assert.deepEqual(batches.slice(0, 2), [null, null])
  assert.ok(batches[2]! > 0)
})

test('frames that come a little early or late leave no gap, lost ones do', () => {
  const recording = recordingOf([5])
  for (const [after, connections] of [
    [1490, 6],
    [2510, 7],
    [3505, 8],
    [9000, 9],
  ] as const) {
    recording.append(START + after, stateWith(connections))
  }
  assert.deepEqual(recording.points(PATH), [5, 6, 7, 8, null, 9])
})

test('a frame at the time of the last point takes its place', () => {
  const recording = recordingOf([5, 6])
  recording.append(START + 1200, stateWith(60))
  assert.deepEqual(recording.points(PATH), [5, 60])
})

test('a node that is gone has no figures any more', () => {
  const recording = recordingOf([5])
  recording.append(START + 1000, stateWith(7, 'gone'))
  assert.deepEqual(recording.points(PATH), [5, null])
})

test('15 minutes are kept, and after a longer silence only what is new', () => {
  const recording = recordingOf(Array.from({ length: 900 }, (_, i) => i))
  for (let i = 900; i < 910; i++) recording.append(START + i * 1000, stateWith(i))
  assert.equal(recording.points(PATH)[0], 9)
  assert.equal(recording.times.at(-1)! - recording.times[0]!, 900_000)
  recording.append(START + 5_000_000, stateWith(1))
  assert.deepEqual(recording.points(PATH), [1])
})

test('a new snapshot keeps what only the page has recorded', () => {
  const own = 'nodes.gw-1.clusters.eu-1.rates.batchesIn'
  const before = recordingOf([5])
  before.append(START + 1000, stateWith(6))
  const recorded = before.points(own)[1]
  const history = { step_ms: 1000, from: START + 1000, series: { [PATH]: [60, 70] } }
  const after = new Recording(PATTERNS, history, before)
  assert.deepEqual(after.points(PATH), [60, 70], 'the server knows better')
  assert.deepEqual(after.points(own), [recorded, null])
})

test('a copy stands still', () => {
  const recording = recordingOf([5])
  const copy = recording.copy()
  recording.append(START + 1000, stateWith(6))
  assert.deepEqual(copy.points(PATH), [5])
  assert.deepEqual(copy.times, [START])
})

test('series are combined point by point, and a total is turned into its growth', () => {
  assert.deepEqual(
    sumOf([
      [1, null, null],
      [2, 3, null],
    ]),
    [3, 3, null],
  )
  assert.deepEqual(
    maxOf([
      [1, 9],
      [2, 3],
    ]),
    [2, 9],
  )
  assert.deepEqual(
    growth([10, 12, 16, 1], [0, 1000, 3000, 4000], 1),
    [null, 2, 2, 0],
    'a total that fell began anew',
  )
  assert.equal(latest([1, 2, null]), 2)
  assert.equal(latest([null]), null)
})
