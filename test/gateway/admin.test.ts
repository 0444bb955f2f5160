import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { openAdmin, openHealth } from '#gateway/admin.ts'
import { Conflict, type Control } from '#gateway/control.ts'
import type { LiveStatus } from '#gateway/live-status.ts'
import { Refusal } from '#gateway/reload.ts'
import { fakeControl, fakeLive, openStage } from '#test/gateway/admin-stage.ts'

const TOKEN = 'the-token'
const BEARER = { authorization: `Bearer ${TOKEN}` }

test('readiness follows the state of the node, liveness does not', async (context) => {
  const { control, get } = await openStage(context)
  const statuses = async () => [(await get('/livez')).status, (await get('/readyz')).status]
  assert.deepEqual(await statuses(), [200, 200])
  control.state = 'draining'
  assert.deepEqual(await statuses(), [200, 503])
  assert.deepEqual(await (await get('/readyz')).json(), { ready: false, state: 'draining' })
  control.state = 'starting'
  assert.deepEqual(await statuses(), [200, 503])
})

test('with a token nothing is told without it', async (context) => {
  const { get } = await openStage(context, { token: TOKEN })
  const wrong: Record<string, string>[] = [{}, { authorization: 'Bearer the-toke' }, { authorization: TOKEN }]
  const api = ['state', 'config', 'clusters', 'routes', 'clients', 'nodes'].map((of) => `/api/v1/${of}`)
  for (const path of [...api, '/metrics', '/livez', '/readyz']) {
    for (const headers of wrong) {
      const response = await get(path, headers)
      assert.equal(response.status, 401, path)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer')
      assert.deepEqual(await response.json(), { error: 'unauthorized' })
    }
    assert.equal((await get(path, BEARER)).status, 200, path)
  }
  assert.equal((await get('/')).status, 200)
})

test('orders need the token, and are nothing to GET', async (context) => {
  const { control, get, post } = await openStage(context, { token: TOKEN })
  for (const path of ['/drain', '/undrain', '/reload']) {
    assert.equal((await post(path)).status, 401)
    assert.equal((await get(path, BEARER)).status, 405)
    assert.equal((await post(path, BEARER)).status, 200)
  }
  assert.deepEqual(control.asked, ['drain', 'undrain', 'reload'])
})

test('what an order answers', async (context) => {
  const { control, post } = await openStage(context)
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
  const section = 'admin: { bind: 127.0.0.1:0, allowedOrigins: ["https://ops.example.com"] }\n'
  const { control, post, origin } = await openStage(context, { control: fakeControl(section) })
  for (const foreign of ['https://evil.example.com', 'null', 'https://ops.example.com.evil.com', '']) {
    assert.equal((await post('/drain', { origin: foreign })).status, 403, foreign)
  }
  assert.deepEqual(control.asked, [])
  assert.equal((await post('/drain', { origin })).status, 200)
  assert.equal((await post('/drain', { origin: 'https://ops.example.com' })).status, 200)
})

test('what an allowed page may read is told to its browser, and to no other', async (context) => {
  const ops = 'https://ops.example.com'
  const section = `admin: { bind: 127.0.0.1:0, allowedOrigins: ["${ops}:443"] }\n`
  const { ask, get } = await openStage(context, { control: fakeControl(section), token: TOKEN })
  const allowed = async (response: Promise<Response>) =>
    (await response).headers.get('access-control-allow-origin')
  assert.equal(await allowed(get('/api/v1/state', { origin: ops, ...BEARER })), ops)
  assert.equal(await allowed(get('/api/v1/state', { origin: 'https://evil.example.com', ...BEARER })), null)
  // Before it sends the token a browser asks whether it may.
  const preflight = await ask('OPTIONS')('/api/v1/stream-ticket', { origin: ops })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get('access-control-allow-origin'), ops)
  assert.equal(preflight.headers.get('access-control-allow-methods'), 'POST')
  assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization')
})

test('on loopback a foreign name does not lead here', async (context) => {
  const section = 'admin: { bind: 127.0.0.1:0, allowedOrigins: ["https://ops.example.com"] }\n'
  const { app } = await openStage(context, { control: fakeControl(section) })
  const status = async (host: string) =>
    (await app.inject({ url: '/api/v1/state', headers: { host } })).statusCode
  for (const host of ['localhost:9090', '127.0.0.1:9090', '127.8.0.1', '[::1]:9090', 'ops.example.com']) {
    assert.equal(await status(host), 200, host)
  }
  for (const host of [
    'evil.example.com:9090',
    'localhost.evil.com',
    '127.0.0.1.evil.com',
    '10.0.0.1',
    'a b',
  ]) {
    assert.equal(await status(host), 403, host)
  }
})

test('beyond loopback the node has names that it does not know', async (context) => {
  const section = 'admin: { bind: 0.0.0.0:0, auth: { tokenFile: /t } }\n'
  const { app } = await openStage(context, { control: fakeControl(section), token: TOKEN })
  const headers = { host: 'gw-1.example.com:9090', ...BEARER }
  assert.equal((await app.inject({ url: '/api/v1/state', headers })).statusCode, 200)
})

test('what is not there, and what is there for another method', async (context) => {
  const { ask } = await openStage(context)
  const answer = async (method: string, path: string) => {
    const response = await ask(method)(path)
    return [
      response.status,
      response.headers.get('allow'),
      ((await response.json()) as { error: string }).error,
    ]
  }
  assert.deepEqual(await answer('GET', '/api/v1/stat?ticket=secret'), [
    404,
    null,
    'there is nothing at /api/v1/stat; did you mean /api/v1/state?',
  ])
  assert.deepEqual(await answer('GET', '/wp-admin'), [404, null, 'there is nothing at /wp-admin'])
  assert.deepEqual(await answer('GET', '/drain'), [405, 'POST', '/drain takes POST, not GET'])
  assert.deepEqual(await answer('PUT', '/metrics'), [
    405,
    'GET, HEAD',
    '/metrics takes GET and HEAD, not PUT',
  ])
  assert.deepEqual(await answer('POST', '/api/v1/state'), [
    405,
    'GET, HEAD',
    '/api/v1/state takes GET and HEAD, not POST',
  ])
  assert.deepEqual(await answer('OPTIONS', '/nowhere'), [404, null, 'there is nothing at /nowhere'])
  assert.deepEqual(await answer('GET', '/api/v1/stream'), [426, null, 'this is a WebSocket'])
})

test('HEAD and OPTIONS', async (context) => {
  const { ask } = await openStage(context)
  const head = await ask('HEAD')('/api/v1/state')
  assert.deepEqual([head.status, await head.text()], [200, ''])
  const options = await ask('OPTIONS')('/drain')
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'POST, OPTIONS'])
})

test('an order needs no body and minds none, unless it is far too large', async (context) => {
  const { origin } = await openStage(context)
  const post = (body: string, type: string) =>
    fetch(`${origin}/undrain`, { method: 'POST', body, headers: { 'content-type': type } })
  assert.equal((await post('', 'application/json')).status, 200)
  assert.equal((await post('{', 'application/json')).status, 200)
  assert.equal((await post('a=b', 'application/x-www-form-urlencoded')).status, 200)
  assert.equal((await post('x'.repeat(20_000), 'text/plain')).status, 413)
})

test('a failure is an error in words, and stands in the log without the query', async (context) => {
  const { live, get, control } = await openStage(context)
  live.state = () => {
    throw new Error('out of order')
  }
  const response = await get('/api/v1/state?topic=very-secret')
  assert.deepEqual([response.status, await response.json()], [500, { error: 'out of order' }])
  assert.deepEqual(control.logged, [
    { method: 'GET', path: '/api/v1/state', error: 'out of order', text: 'request failed' },
  ])
})

test('a client that offers HTTP/2 with its request is answered in HTTP/1.1', async (context) => {
  const { origin } = await openStage(context)
  const { port } = new URL(origin)
  const socket = connect(Number(port), '127.0.0.1')
  context.after(() => socket.destroy())
  const offer = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n'
  socket.write(`GET /livez HTTP/1.1\r\nhost: localhost\r\n${offer}\r\n`)
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n/)
})

test('the metrics page is Prometheus text, the stream in it', async (context) => {
  const { get } = await openStage(context)
  const response = await get('/metrics')
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  assert.deepEqual(JSON.parse((await response.text()).slice(2)), {
    clients: 0,
    bufferedBytes: 0,
    framesSkipped: 0,
    closes: {},
  })
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
  const control = (section: string) =>
    fakeControl(`${section}: { bind: 127.0.0.1:${port} }\n`) as unknown as Control
  const taken = (setting: string) => new RegExp(`${setting} 127.0.0.1:${port}: port ${port} is in use`)
  const live = fakeLive() as unknown as LiveStatus
  await assert.rejects(openAdmin(control('admin'), live, null), taken('admin.bind'))
  await assert.rejects(openHealth(control('health')), taken('health.bind'))
})
