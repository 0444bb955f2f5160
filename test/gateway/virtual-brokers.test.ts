import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { slotOf, VirtualCluster } from '#gateway/virtual-brokers.ts'

const clusters = [
  { name: 'eu', id: 7 },
  { name: 'us', id: 1023 },
] as unknown as ClusterConfig[]

test('each cluster has a broker of its own, never two at one address', () => {
  const ports = new Map([
    ['eu', 9093],
    ['us', 9094],
  ])
  const { brokers } = new VirtualCluster(0, 'kafka.example.com', clusters, ports)
  assert.deepEqual(brokers, [
    { id: 7, host: 'kafka.example.com', port: 9093, cluster: 'eu' },
    { id: 1023, host: 'kafka.example.com', port: 9094, cluster: 'us' },
  ])
})

test('with perCluster false one broker leads everything', () => {
  const virtual = new VirtualCluster(3, 'h', clusters, 9092)
  assert.deepEqual(virtual.brokers, [{ id: 3 * 1024, host: 'h', port: 9092, cluster: null }])
  assert.equal(virtual.leaderOf('eu'), virtual.leaderOf('us'))
})

test('a slot moves all ids of a node, below 2^30', () => {
  const slot = slotOf('gw-1')
  assert.ok(slot >= 1 && slot < 2 ** 20)
  assert.notEqual(slot, slotOf('gw-2'))
  const ports = new Map([
    ['eu', 1],
    ['us', 2],
  ])
  const { brokers } = new VirtualCluster(2 ** 20 - 1, 'h', clusters, ports)
  for (const { id } of brokers) assert.ok(id > 0 && id < 2 ** 30, `${id}`)
})

test('a cluster’s broker leads its partitions', () => {
  const ports = new Map([
    ['eu', 1],
    ['us', 2],
  ])
  const virtual = new VirtualCluster(2, 'h', clusters, ports)
  assert.deepEqual([virtual.leaderOf('eu'), virtual.leaderOf('us')], [2 * 1024 + 7, 2 * 1024 + 1023])
})

test('a node keeps its slot for ever: clients remember broker ids', () => {
  assert.deepEqual(['gw-1', 'gw-2', 'node.example.com'].map(slotOf), [168_910, 167_653, 131_004])
})
