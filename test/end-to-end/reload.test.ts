import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { Load, Reloadable, sandboxOf } from '#test/end-to-end/reload-stage.ts'
import { produceBody } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import type { GatewayOptions } from '#test/support/gateway.ts'
import { freePortRange } from '#test/support/ports.ts'
import { RawClient, withClient } from '#test/support/raw-client.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function sandbox(name: string, ...topics: string[]): Promise<Sandbox> {
  const started = await sandboxOf(name, topics)
  open.push(started)
  return started
}

async function gatewayOf(options: GatewayOptions): Promise<Reloadable> {
  const gateway = await Reloadable.start(options)
  open.push(gateway)
  return gateway
}

function loadOn(...sandboxes: Sandbox[]): Load {
  const load = new Load(sandboxes)
  open.push(load)
  return load
}

/** Two workers, so that a change must reach both. */
const NODE = { id: 'gw-test', workers: 2 }

function options(
  firstPort: number,
  clusters: Record<string, Sandbox>,
  routes: Record<string, string>,
  settings: Record<string, unknown> = {},
): GatewayOptions {
  const addresses = Object.entries(clusters).map(([name, { bootstrap }]) => [name, bootstrap])
  return {
    clusters: Object.fromEntries(addresses),
    routes,
    firstPort,
    settings: { node: NODE, ...settings },
  }
}

/** Metadata of one topic, from every worker: several connections, which the system spreads. */
async function leadersOf(port: number, topic: string): Promise<{ errorCode: number; ports: number[] }[]> {
  return Promise.all(
    Array.from({ length: 8 }, () =>
      withClient(port, async (client) => {
        const answer = await client.request('metadata', 7, { topics: [{ name: topic }] })
        const portOf = new Map(answer.brokers.map(({ nodeId, port }) => [nodeId, port]))
        const { errorCode, partitions } = answer.topics[0]!
        return { errorCode, ports: [...new Set(partitions.map(({ leaderId }) => portOf.get(leaderId)!))] }
      }),
    ),
  )
}

const produce = (client: RawClient, topic: string) =>
  client
    .request('produce', 9, produceBody({ topic, records: plainBatch('r') }))
    .then(({ responses }) => responses[0]!.partitionResponses[0]!.errorCode)

describe('reload', () => {
  test('routes changed under load: what was admitted stays, what comes goes the new way, all once', async () => {
    const one = await sandbox('one', 't.a', 't.b')
    const two = await sandbox('two', 't.a', 't.b')
    const port = await freePortRange(3)
    const before = options(port, { one, two }, { t: 'one' })
    const gateway = await gatewayOf(before)
    const load = loadOn(one, two)
    await load.add(port, 't.a')
    await load.add(port, 't.b')
    await load.more()
    const { configHash } = (await gateway.state()).nodes['gw-test']!
    // Not back again: the first cluster would miss the sequences that went to the second (45), as Kafka does.
    const routes: Record<string, string> = { t: 'one' }
    for (const topic of ['t.a', 't.b']) {
      routes[topic] = 'two'
      const answer = await gateway.reload({ ...before, routes })
      assert.deepEqual([answer.status, answer.body.changed], [200, ['routes']])
      const ends = () => [0, 1, 2].map((partition) => one.endOffset(topic, partition))
      await load.more(50)
      const settled = ends()
      await load.more(50)
      assert.deepEqual(ends(), settled, `${topic} goes to the second cluster alone`)
    }
    const state = await gateway.state()
    assert.notEqual(state.nodes['gw-test']!.configHash, configHash)
    assert.deepEqual(state.nodes['gw-test']!.reload!.text, ['routes'])
    await load.verify()
    for (const topic of ['t.a', 't.b']) {
      assert.ok(one.endOffset(topic, 0) > 0 && two.endOffset(topic, 0) > 0)
    }
  })

  test('a cluster added on a new port, and one removed: its port stays, all admitted is answered', async () => {
    const one = await sandbox('one', 't.a', 't.b')
    const two = await sandbox('two', 't.b', 'n.x')
    const port = await freePortRange(3)
    const before = options(port, { one }, { t: 'one' })
    const gateway = await gatewayOf(before)
    const load = loadOn(one, two)
    await load.add(port, 't.a')
    await load.add(port, 't.b')
    await load.more(50)

    const both = options(port, { one, two }, { t: 'one', n: 'two' })
    const added = await gateway.reload(both)
    assert.deepEqual([added.status, added.body.changed], [200, ['clusters[two]', 'routes']])
    for (const { errorCode, ports } of await leadersOf(port, 'n.x')) {
      assert.deepEqual([errorCode, ports], [0, [port + 2]])
    }
    await load.add(port, 'n.x')
    await load.more(50)

    // The last batches of the cluster that goes are under way while it is removed.
    const late = await RawClient.connect(port + 1)
    open.push(late)
    const fault = one.delay(1500, { api: 'Produce', topic: 't.a' })
    const answered = produce(late, 't.a')
    await gateway.waitFor('under way', ({ clusters }) => clusters.one!.waiting > 0)
    const only = { ...both, clusters: { two: two.bootstrap }, routes: { t: 'two', n: 'two' } }
    only.settings = { ...only.settings, clusters: [clusterOf('two', two, 2)] }
    two.createTopic({ topic: 't.a', partitions: 3 })
    const removed = await gateway.reload(only)
    fault.lift()
    assert.deepEqual([removed.status, removed.body.changed], [200, ['routes', 'clusters[one]']])
    assert.equal(await answered, 0)
    for (const { errorCode, ports } of await leadersOf(port + 1, 't.a')) {
      assert.deepEqual([errorCode, ports], [0, [port + 2]], 'the old port is open, and tells of the new one')
    }
    assert.deepEqual(Object.keys((await gateway.state()).clusters), ['two'])
    const ends = [0, 1, 2].map((partition) => one.endOffset('t.b', partition))
    await load.more(100)
    assert.deepEqual(
      [0, 1, 2].map((partition) => one.endOffset('t.b', partition)),
      ends,
    )
    assert.equal(await produce(late, 't.a'), 0, 'on the old connection, to the new cluster')
    await gateway.waitFor('left', () => one.brokers.every(({ connections }) => connections === 0))

    const again = await gateway.reload({ ...both, routes: { t: 'two', n: 'two' } })
    assert.equal(again.status, 200, `${JSON.stringify(again.body)}: its port is open still`)
    await load.more(50)
    await load.verify()
  })

  test('a bad file changes nothing, and all that is wrong is told', async () => {
    const one = await sandbox('one', 't.a')
    const port = await freePortRange(3)
    const before = options(port, { one }, { t: 'one' })
    const gateway = await gatewayOf(before)
    const { configHash } = (await gateway.state()).nodes['gw-test']!
    const bad = { ...before, routes: { t: 'onee' }, settings: { node: NODE, limits: { pipelined: 0 } } }
    const { status, body } = await gateway.reload(bad)
    assert.equal(status, 400)
    assert.equal(body.errors.length, 2, body.errors)
    assert.match(body.errors.join('\n'), /routes\[0\].cluster names the cluster "onee"/)
    assert.match(body.errors.join('\n'), /limits.pipelined must be/)
    gateway.running.signal('SIGHUP')
    await gateway.running.waitForLine(/not reloaded: nothing has changed/, 10_000)
    const state = (await gateway.state()).nodes['gw-test']!
    assert.deepEqual([state.configHash, state.reload!.ok, state.state], [configHash, false, 'serving'])
    assert.equal(await withClient(port, (client) => produce(client, 't.a')), 0)
    gateway.write({ ...before, settings: { node: NODE, log: { level: 'debug' } } })
    gateway.running.signal('SIGHUP')
    await gateway.running.waitForLine(/"changed":\["log.level"\].*"msg":"reloaded"/, 10_000)
    await withClient(port, (client) => client.request('apiVersions', 0, {}))
    await gateway.running.waitForLine(/"level":"debug".*the client closed the connection/, 10_000)
  })

  test('what needs a restart is refused by name, with everything else in the file', async () => {
    const one = await sandbox('one', 't.a')
    const two = await sandbox('two', 'n.x')
    const port = await freePortRange(4)
    const before = options(port, { one, two }, { t: 'one', n: 'two' })
    const gateway = await gatewayOf(before)
    const { status, body } = await gateway.reload({
      ...before,
      settings: {
        node: { ...NODE, workers: 1 },
        health: { bind: '127.0.0.1:1' },
        clusterId: 'other',
        limits: { pipelined: 7 },
        clusters: [clusterOf('one', one, 1), clusterOf('two', two, 3)],
      },
    })
    assert.equal(status, 400)
    const named = (body.errors as string[]).map((error) => error.split(' has changed')[0])
    const wanted = ['clusterId', 'node.workers', 'health.bind.port', 'clusters[two].portOffset']
    assert.deepEqual(named.sort(), wanted.sort())
    assert.deepEqual((await gateway.reload(before)).body.changed, [], 'it was never taken over')
  })

  test('a port of a new cluster that is taken: nothing changes, in no worker', async () => {
    const one = await sandbox('one', 't.a')
    const two = await sandbox('two', 'n.x')
    const port = await freePortRange(3)
    const before = options(port, { one }, { t: 'one' })
    const gateway = await gatewayOf(before)
    const other = createServer().listen(port + 2, '127.0.0.1')
    open.push(other)
    await once(other, 'listening')
    const both = options(port, { one, two }, { t: 'one', n: 'two' })
    const { status, body } = await gateway.reload(both)
    assert.equal(status, 500)
    assert.match(body.error, new RegExp(`port ${port + 2} is in use`))
    assert.deepEqual(Object.keys((await gateway.state()).clusters), ['one'])
    for (const { errorCode } of await leadersOf(port, 'n.x')) assert.equal(errorCode, 17)
    await new Promise((resolve) => other.close(resolve))
    assert.equal((await gateway.reload(both)).status, 200)
    for (const { errorCode } of await leadersOf(port, 'n.x')) assert.equal(errorCode, 0)
  })

  test('limits, and the configuration of a worker that starts later', async () => {
    const one = await sandbox('one', 't.a')
    const port = await freePortRange(2)
    const before = options(port, { one }, { t: 'one' })
    const gateway = await gatewayOf(before)
    const limits = { memory: '256MiB', maxConnections: 3 }
    const window = { lanes: 7, inFlightBytes: '8MiB', submissionsPerSecond: 5 }
    const cluster = { ...clusterOf('one', one, 1), window, clientId: 'other' }
    const changed = await gateway.reload({
      ...before,
      settings: { node: NODE, limits, clusters: [cluster], drain: { delay: '0ms', timeout: '5s' } },
    })
    assert.equal(changed.status, 200, JSON.stringify(changed.body))
    const budget = 256 * 2 ** 20
    const told = (state: Awaited<ReturnType<Reloadable['state']>>) => state.nodes['gw-test']!.memoryBudget
    const state = await gateway.waitFor('limits hold', (each) => told(each) === budget)
    const { lanes, inFlightBytes, submissionsPerSecond } = state.clusters.one!.grant
    assert.deepEqual([lanes, inFlightBytes, submissionsPerSecond], [7, 8 * 2 ** 20, 5])
    const children = await workersOf(gateway.running.pid)
    process.kill(children[0]!, 'SIGKILL')
    await gateway.running.waitForLine(/a worker died/, 10_000)
    await gateway.waitFor('it is back', (each) => told(each) === budget)
    const begun = performance.now()
    await gateway.drain()
    assert.ok(performance.now() - begun < 15_000, 'drain, too')
  })
})

function clusterOf(name: string, { bootstrap }: Sandbox, portOffset: number) {
  return { name, portOffset, bootstrapServers: bootstrap.split(',') }
}

async function workersOf(pid: number): Promise<number[]> {
  const { workerPids } = await import('#test/support/neighbours.ts')
  return workerPids(pid)
}
