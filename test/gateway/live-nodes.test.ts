import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advertisedBy } from '#gateway/listener.ts'
import { advertisedPorts, liveNodeOf } from '#gateway/live-nodes.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'
import { configOf, edit, TWO_CLUSTERS } from '#test/gateway/config-fixture.ts'

const advertised = 'advertised: { mode: per_node, host: "{node}.gw", port: 19092 }'
const config = configOf(edit(TWO_CLUSTERS, 'bind: 127.0.0.1:9092', `bind: 127.0.0.1:9092, ${advertised}`))

test('a node that says its ports is read back as it was', () => {
  const self = {
    id: 'n1',
    slot: slotOf('n1'),
    listeners: { public: advertisedBy(config.listeners[0]!, {}, config.clusters, 'n1') },
  }
  const ports = advertisedPorts(self)
  assert.deepEqual(ports, [19092, 19093, 19094])
  assert.deepEqual(liveNodeOf({ id: 'n1', ports }, config), self)
})

test('a cluster whose port it does not say is not served by it', () => {
  const { listeners } = liveNodeOf({ id: 'n2', ports: [19092, 19093] }, config)
  assert.deepEqual(listeners.public, { host: 'n2.gw', port: 19092, clusters: { eu: 19093 } })
})
