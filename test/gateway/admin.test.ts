import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openAdmin, openHealth } from '#gateway/admin.ts'
import { Conflict, type Control } from '#gateway/control.ts'
import { Refusal } from '#gateway/reload.ts'
import { VERSION } from '#gateway/version.ts'
import type { NodeState, State } from '#status/contract.ts'
import { BASE, configOf } from '#test/gateway/config-fixture.ts'
import { grant } from '#test/status/samples.ts'

/** A control side that knows one cluster and has heard of no worker yet. */
function fakeControl(ports: { admin?: number; health?: number } = {}) {
  const config = configOf(`${BASE}admin: { bind: 127.0.0.1:${ports.admin ?? 0} }
health: { bind: 127.0.0.1:${ports.health ?? 0} }
`)
  const map = { topics: new Map([['a', {}]]), partitions: 3 }
  return {
    config,
    state: 'serving' as NodeState,
    drained: false,
    configHash: 'abc',
    lastReload: null,
    grants: new Map([['eu', grant]]),
    asked: [] as string[],
    /** What the next order does instead of being obeyed. */
    failure: null as Error | null,
    order(name: string) {
      this.asked.push(name)
      if (this.failure) throw this.failure
    },
    drain() {
      this.order('drain')
    },
    async undrain() {
      this.order('undrain')
    },
    async reload() {
      this.order('reload')
      return ['routes']
    },
    fleet: {
      mode: 'local',
      redis: { state: 'none', reason: '' },
      clusters: new Map([['eu', { map, refreshedAt: 1_700_000_000_000, error: '' }]]),
      nodes: () => [],
    },
    pool: { sample: () => null },
  }
}

async function admin(context: TestContext, token: string | null = null) {
  const control = fakeControl()
  const app = await openAdmin(control as unknown as Control, token)
  context.after(() => app.close())
  const get = (path: string, headers = {}) => fetch(`${app.listeningOrigin}${path}`, { headers })
  const post = (path: string, headers = {}) =>
    fetch(`${app.listeningOrigin}${path}`, { method: 'POST', headers })
  return { control, get, post, origin: app.listeningOrigin }
}

test('the state tells of the node and of every cluster of the configuration', async (context) => {
  const { control, get } = await admin(context)
  const response = await get('/api/v1/state')
  assert.equal(response.status, 200)
  const state = (await response.json()) as State
  assert.equal(state.node, control.config.node.id)
  assert.equal(state.nodes[state.node]!.version, VERSION)
  assert.deepEqual(
    [state.clusters.eu!.topics, state.clusters.eu!.partitions, state.clusters.eu!.refreshedAt],
    [1, 3, 1_700_000_000_000],
  )
  assert.ok(Math.abs(state.ts - Date.now()) < 60_000)
})

test('the metrics page is Prometheus text', async (context) => {
  const { get } = await admin(context)
  const response = await get('/metrics')
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  assert.match(await response.text(), /^sluice_upstream_up\{cluster="eu"\} 0$/m)
})

test('readiness follows the state of the node, liveness does not', async (context) => {
  const { control, get } = await admin(context)
  const statuses = async () => [(await get('/livez')).status, (await get('/readyz')).status]
  assert.deepEqual(await statuses(), [200, 200])
  control.state = 'draining'
  assert.deepEqual(await statuses(), [200, 503])
  assert.deepEqual(await (await get('/readyz')).json(), { ready: false, state: 'draining' })
  control.state = 'starting'
  assert.deepEqual(await statuses(), [200, 503])
})

test('with a token nothing is told without it', async (context) => {
  const { get } = await admin(context, 'secret')
  for (const path of ['/api/v1/state', '/metrics', '/readyz']) {
    for (const headers of [{}, { authorization: 'Bearer secre' }, { authorization: 'secret' }]) {
      const response = await get(path, headers)
      assert.equal(response.status, 401, path)
      assert.deepEqual(await response.json(), { error: 'unauthorized' })
    }
    assert.equal((await get(path, { authorization: 'Bearer secret' })).status, 200, path)
  }
})

test('orders need the token, and are nothing to GET', async (context) => {
  const { control, get, post } = await admin(context, 'secret')
  for (const path of ['/drain', '/undrain', '/reload']) {
    assert.equal((await post(path)).status, 401)
    assert.equal((await get(path, { authorization: 'Bearer secret' })).status, 404)
    assert.equal((await post(path, { authorization: 'Bearer secret' })).status, 200)
  }
  assert.deepEqual(control.asked, ['drain', 'undrain', 'reload'])
})

test('what an order answers', async (context) => {
  const { control, post } = await admin(context)
  const answer = async (path: string) => {
    const response = await post(path)
    return [response.status, await response.json()]
  }
  const { delay, timeout } = control.config.drain
  const draining = { state: 'serving', drained: false, delayMs: delay, timeoutMs: timeout }
  assert.deepEqual(await answer('/drain'), [200, draining])
  assert.deepEqual(await answer('/undrain'), [200, { state: 'serving' }])
  assert.deepEqual(await answer('/reload'), [200, { changed: ['routes'], configHash: 'abc' }])
  control.failure = new Conflict('the node is starting')
  assert.deepEqual(await answer('/drain'), [409, { error: 'the node is starting' }])
  control.failure = new Refusal(['one', 'two'])
  const refused = { error: 'the configuration is refused, nothing has changed', errors: ['one', 'two'] }
  assert.deepEqual(await answer('/reload'), [400, refused])
  control.failure = new Error('port 9092 is in use')
  assert.deepEqual(await answer('/undrain'), [500, { error: 'port 9092 is in use' }])
})

test('a web page of elsewhere cannot make a browser drain the node', async (context) => {
  const { control, post, origin } = await admin(context)
  const foreign = await post('/drain', { origin: 'https://evil.example.com' })
  assert.equal(foreign.status, 403)
  assert.equal((await post('/drain', { origin: 'null' })).status, 403)
  assert.deepEqual(control.asked, [])
  assert.equal((await post('/drain', { origin })).status, 200)
  control.config.admin.allowedOrigins.push('https://ops.example.com')
  assert.equal((await post('/drain', { origin: 'https://ops.example.com' })).status, 200)
})

test('the health port tells of health, and of nothing else', async (context) => {
  const app = await openHealth(fakeControl() as unknown as Control)
  context.after(() => app.close())
  const statuses = ['/livez', '/readyz', '/api/v1/state', '/metrics', '/'].map(async (path) => {
    return (await fetch(`${app.listeningOrigin}${path}`)).status
  })
  assert.deepEqual(await Promise.all(statuses), [200, 200, 404, 404, 404])
})

test('a port that is taken is named with its setting', async (context) => {
  const other = createServer().listen(0, '127.0.0.1')
  context.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const taken = (setting: string) => new RegExp(`${setting} 127.0.0.1:${port}: port ${port} is in use`)
  await assert.rejects(
    openAdmin(fakeControl({ admin: port }) as unknown as Control, null),
    taken('admin.bind'),
  )
  await assert.rejects(openHealth(fakeControl({ health: port }) as unknown as Control), taken('health.bind'))
})
