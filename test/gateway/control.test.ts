import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Conflict, Control } from '#gateway/control.ts'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import { createLog } from '#telemetry/log.ts'
import { configOf, load } from '#test/gateway/config-fixture.ts'
import { produceOne, until } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { RawClient } from '#test/support/raw-client.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })

const textOf = ({ bootstrap }: Sandbox, interval = '1s', more = '') => `version: 1
clusterId: test
node: { id: gw, workers: 1 }
listeners:
  - { name: public, bind: 127.0.0.1:0 }
clusters:
  - { name: one, bootstrapServers: ['${bootstrap}'], window: { linger: 0ms } }
routes:
  - { match: default, cluster: one }
refresh: { interval: ${interval} }
drain: { delay: 0ms, timeout: 2s }
${more}`

describe('the control side of a node', () => {
  let sandbox: Sandbox
  let control: Control
  let text: string
  const seen: string[] = []
  before(async () => {
    sandbox = await startSandbox({ name: 'one', topics: [{ topic: 't', partitions: 40 }] })
    text = textOf(sandbox)
    control = new Control(configOf(text), { forked: false, load: () => load(text) }, log)
    assert.throws(() => control.drain(), Conflict, 'not before it serves')
    assert.throws(() => control.undrain(), Conflict)
    control.hooks.push({ changed: () => seen.push(control.drained ? 'drained' : control.state) })
    await control.start()
  })
  after(async () => {
    control?.stop()
    await sandbox?.close()
  })

  test('what the others must know: the ports of each listener, by cluster', () => {
    const port = control.pool.ports.public!
    const { slot, ...self } = control.self
    assert.ok(slot > 0)
    assert.deepEqual(self, {
      id: 'gw',
      listeners: { public: { host: '127.0.0.1', port, clusters: { one: port } } },
    })
  })

  test('a grant is shown, reaches the worker, and is kept to', async () => {
    assert.deepEqual(control.grants.get('one')!.lanes, 24, 'alone: the whole budget')
    control.setGrant('one', { lanes: 2, inFlightBytes: 1 << 20, submissionsPerSecond: 4 }, { stale: true })
    const { lanes, stale, overcommitted } = control.grants.get('one')!
    assert.deepEqual([lanes, stale, overcommitted], [2, true, false])
    const client = await RawClient.connect(control.pool.ports.public!)
    const begun = performance.now()
    const before = sandbox.brokers[0]!.counters.produceRequests
    for (let i = 0; i < 12; i++) await produceOne(client, { partition: i, records: plainBatch('r') })
    const requests = sandbox.brokers[0]!.counters.produceRequests - before
    const seconds = (performance.now() - begun) / 1000
    await client.close()
    assert.ok(requests <= 4 * seconds + 1, `${requests} in ${seconds} s`)
    await until(() => (control.pool.sample()?.clusters.one?.lanesInUse ?? 0) >= 1)
    const { lanesWanted, brokersInUse } = control.pool.sample()!.clusters.one!
    assert.deepEqual([lanesWanted >= 1, brokersInUse], [true, 1])
  })

  test('a reload keeps a grant of the fleet, and is refused while the node drains', async () => {
    text = textOf(sandbox, '2s')
    assert.deepEqual(await control.reload(), ['refresh.interval'])
    assert.equal(control.grants.get('one')!.lanes, 2)
    control.drain()
    await assert.rejects(control.reload(), Conflict)
    assert.equal(control.lastReload!.ok, false)
    await control.undrain()
    assert.deepEqual(await control.reload(), [])
    assert.equal(control.lastReload!.ok, true)
  })

  test('hooks hear of every state', async () => {
    seen.length = 0
    assert.equal(await control.drain().done, true)
    await until(() => seen.includes('drained'))
    await control.undrain()
    assert.deepEqual(seen, ['draining', 'drained', 'serving'])
  })

  test('a drain given up says so, and the last one cannot be given up', async () => {
    const { done } = control.drain()
    await control.undrain()
    assert.equal(await done, false)
    await control.end()
    assert.throws(() => control.undrain(), Conflict)
  })
})
