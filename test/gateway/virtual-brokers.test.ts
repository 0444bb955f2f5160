import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListenerConfig } from '#gateway/config-schema.ts'
import type { Advertised, LiveNode } from '#gateway/live-nodes.ts'
import { slotOf, VirtualCluster } from '#gateway/virtual-brokers.ts'

const CLUSTERS = [
  { name: 'eu', id: 7 },
  { name: 'us', id: 1023 },
]
const PORTS = { eu: 9093, us: 9094 }

function listener(mode: 'shared' | 'per_node' = 'shared', perCluster = true): ListenerConfig {
  const advertised = { mode, host: 'h', port: 9092, perCluster }
  return { name: 'public', bind: { host: '0.0.0.0', port: 9092 }, proxyProtocol: 'off', advertised }
}

const advertised = (clusters: Record<string, number>, host = 'h'): Advertised => {
  return { host, port: 9092, clusters }
}

function shown(using = listener(), clusters: Record<string, number> = PORTS): VirtualCluster {
  const virtual = new VirtualCluster(using, 'gw-1')
  virtual.show(advertised(clusters), CLUSTERS)
  return virtual
}

const node = (slot: number, clusters: Record<string, number> = PORTS): LiveNode => {
  return { id: `n${slot}`, slot, listeners: { public: advertised(clusters, `n${slot}`) } }
}

const names = ({ brokers }: VirtualCluster) => brokers.map(({ cluster }) => cluster)
const idsOf = ({ brokers }: VirtualCluster) => brokers.map(({ id }) => id)

test('each cluster has a broker of its own, never two at one address', () => {
  assert.deepEqual(shown().brokers, [
    { id: 7, host: 'h', port: 9093, cluster: 'eu' },
    { id: 1023, host: 'h', port: 9094, cluster: 'us' },
  ])
})

test('with perCluster false one broker leads everything', () => {
  const virtual = shown(listener('shared', false), { eu: 9092, us: 9092 })
  assert.deepEqual(virtual.brokers, [{ id: 0, host: 'h', port: 9092, cluster: null }])
  for (const cluster of ['eu', 'us']) assert.equal(virtual.view.leadersOf(cluster, 't')!(3), 0)
})

test('a slot moves all ids of a node, below 2^30', () => {
  const slot = slotOf('gw-1')
  assert.ok(slot >= 1 && slot < 2 ** 20)
  assert.notEqual(slot, slotOf('gw-2'))
  const virtual = shown(listener('per_node'))
  virtual.onNodes([node(2 ** 20 - 1)])
  for (const id of idsOf(virtual)) assert.ok(id > 0 && id < 2 ** 30, `${id}`)
})

test('a cluster’s broker leads its partitions', () => {
  const { view } = shown(listener('per_node'))
  const first = slotOf('gw-1') * 1024
  assert.deepEqual([view.leadersOf('eu', 't')!(0), view.leadersOf('us', 't')!(5)], [first + 7, first + 1023])
})

test('a node keeps its slot for ever: clients remember broker ids', () => {
  assert.deepEqual(['gw-1', 'gw-2', 'node.example.com'].map(slotOf), [168_910, 167_653, 131_004])
})

test('a cluster is told of only when every node serves it, and then for good', () => {
  const virtual = shown()
  const old = node(2, { eu: 9093 })
  virtual.onNodes([node(1), old])
  assert.deepEqual(names(virtual), ['eu'])
  assert.equal(virtual.view.leadersOf('us', 't'), null, 'its topics have no leader yet')
  virtual.onNodes([node(1), node(2)])
  assert.deepEqual(names(virtual), ['eu', 'us'])
  virtual.onNodes([node(1), old])
  assert.deepEqual(
    names(virtual),
    ['eu', 'us'],
    'a node that has removed it does not take it from the others',
  )
  virtual.onNodes([])
  assert.deepEqual(names(virtual), ['eu', 'us'], 'alone: its own ports')
})

test('shared: nodes count by id, they have no slots of their own', () => {
  const virtual = shown()
  virtual.onNodes([
    { ...node(0), id: 'a' },
    { ...node(0, { eu: 9093 }), id: 'b' },
  ])
  assert.deepEqual(names(virtual), ['eu'])
})

test('a cluster that a reload removes is told of no more', () => {
  const virtual = shown()
  virtual.onNodes([node(1), node(2)])
  virtual.show(advertised({ us: 9094 }), [CLUSTERS[1]!])
  assert.deepEqual(names(virtual), ['us'])
})

test('per_node: the brokers of all live nodes, and each leads its share of the partitions', () => {
  const virtual = shown(listener('per_node'))
  const slots = [5, 6, 9]
  virtual.onNodes(slots.map((slot) => node(slot)))
  assert.deepEqual(
    virtual.brokers.map(({ id, host, port }) => [id, host, port]),
    slots.flatMap((slot) => [
      [slot * 1024 + 7, `n${slot}`, 9093],
      [slot * 1024 + 1023, `n${slot}`, 9094],
    ]),
  )
  const leaders = virtual.view.leadersOf('eu', 'orders')!
  const seen = new Set(Array.from({ length: 60 }, (_, partition) => leaders(partition)))
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    slots.map((slot) => slot * 1024 + 7),
  )
})

test('per_node: a node that is not in the registry any more shows the others', () => {
  const virtual = shown(listener('per_node'))
  virtual.onNodes([node(5)])
  assert.deepEqual(idsOf(virtual), [5 * 1024 + 7, 5 * 1024 + 1023])
})
