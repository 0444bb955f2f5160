import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chosenOf,
  clientPasses,
  eventPasses,
  formatFilter,
  parseFilter,
  toggle,
  topicPasses,
} from '#dashboard/filter.ts'
import { nextOrder, sorted } from '#dashboard/sort.ts'
import type { StatusEvent } from '#status/contract.ts'
import { madeUpState } from '#test/dashboard/fixture-state.ts'

const state = madeUpState(0, 0, { variant: 'normal', withLists: true, asked: [] })

test('a filter survives the address of the page', () => {
  for (const filter of [{}, { node: 'gw-1' }, { cluster: 'eu & us' }, { node: 'a=b#c', cluster: 'd' }]) {
    assert.deepEqual(parseFilter(`#${formatFilter(filter)}`), filter)
  }
  assert.deepEqual(parseFilter('#node=&other=1'), {})
})

test('a second click lets go, another one chooses anew', () => {
  assert.deepEqual(toggle({}, { node: 'a' }), { node: 'a' })
  assert.deepEqual(toggle({ node: 'a' }, { node: 'a' }), {})
  assert.deepEqual(toggle({ node: 'a' }, { node: 'a', cluster: 'c' }), { node: 'a', cluster: 'c' })
  assert.deepEqual(chosenOf(['a', 'b'], undefined), ['a', 'b'])
  assert.deepEqual(chosenOf(['a', 'b'], 'b'), ['b'])
  assert.deepEqual(chosenOf(['a', 'b'], 'z'), [])
})

test('topics pass by cluster, name and rule', () => {
  const [name, topic] = Object.entries(state.topics).find(([, { cluster }]) => cluster === 'us-west')!
  assert.ok(topicPasses(name, topic, {}, ''))
  assert.ok(topicPasses(name, topic, { node: 'gw-2', cluster: 'us-west' }, ' PAYMENTS '))
  assert.ok(!topicPasses(name, topic, { cluster: 'eu-1' }, ''))
  assert.ok(!topicPasses(name, topic, {}, 'no such name'))
})

test('clients pass by node, name, address and software', () => {
  const client = state.clients.find(({ nodes, softwareName }) => nodes.length === 1 && softwareName)!
  const other = client.nodes[0] === 'gw-1' ? 'gw-2' : 'gw-1'
  assert.ok(clientPasses(client, { node: client.nodes[0], cluster: 'eu-1' }, client.softwareName))
  assert.ok(clientPasses(client, {}, client.address))
  assert.ok(!clientPasses(client, { node: other }, ''))
  assert.ok(!clientPasses(client, {}, 'no such client'))
})

test('events pass by what they concern, severity and text', () => {
  const event: StatusEvent = {
    ts: 0,
    kind: 'node_gone',
    severity: 'warning',
    node: 'gw-3',
    text: 'gw-3 is gone',
  }
  assert.ok(eventPasses(event, { node: 'gw-3', cluster: 'eu-1' }, 'gone', 'warning'), 'of no cluster: of all')
  assert.ok(!eventPasses(event, { node: 'gw-1' }, '', 'info'))
  assert.ok(!eventPasses(event, {}, '', 'error'))
  assert.ok(!eventPasses(event, {}, 'reload', 'info'))
})

test('rows are ordered by figure or by name, and equal ones stay', () => {
  const rows = [
    { id: 'gw-10', n: 1 },
    { id: 'gw-2', n: 3 },
    { id: 'gw-1', n: 1 },
  ]
  const ids = (by: (row: (typeof rows)[number]) => string | number, descending: boolean) =>
    sorted(rows, by, descending).map(({ id }) => id)
  assert.deepEqual(
    ids(({ id }) => id, false),
    ['gw-1', 'gw-2', 'gw-10'],
  )
  assert.deepEqual(
    ids(({ n }) => n, true),
    ['gw-2', 'gw-10', 'gw-1'],
  )
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['gw-10', 'gw-2', 'gw-1'],
    'the list itself is left alone',
  )
})

test('the first click on a heading shows the largest figure, or a', () => {
  const order = { column: 'Bytes', descending: true }
  assert.deepEqual(nextOrder(order, 'Bytes', true), { column: 'Bytes', descending: false })
  assert.deepEqual(nextOrder(order, 'Errors', true), { column: 'Errors', descending: true })
  assert.deepEqual(nextOrder(order, 'Topic', false), { column: 'Topic', descending: false })
})
