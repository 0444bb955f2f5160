import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type ClientOptions, WebSocket } from 'ws'
import type { ServerFrame } from '#status/contract.ts'
import { fakeControl, openStage as openAdminStage, type StageOptions } from '#test/gateway/admin-stage.ts'

const TOKEN = 'the-token'
const BEARER = { authorization: `Bearer ${TOKEN}` }
const STREAM = '/api/v1/stream'
const TICKET = '/api/v1/stream-ticket'

const NOT_ALLOWED = 'closed 1008: not allowed: a page from elsewhere, or a frame that is no text'
const NO_TICKET = 'closed 4401: no ticket, or one that was used, has expired or belongs to another address'

async function openStage(context: TestContext, options: StageOptions = {}) {
  const stage = await openAdminStage(context, options)
  const sockets: WebSocket[] = []
  context.after(() => {
    for (const socket of sockets) socket.terminate()
  })
  const open = (path: string, options: ClientOptions = {}) => {
    const socket = new WebSocket(`${stage.origin.replace('http', 'ws')}${path}`, 'sluice.v1', options)
    sockets.push(socket)
    return socket
  }
  /** What a client of the stream meets first: a greeting, or the end. */
  const outcome = (path: string, options?: ClientOptions): Promise<string> => {
    const socket = open(path, options)
    return new Promise((resolve) => {
      socket.on('message', (data) => resolve((JSON.parse(String(data)) as ServerFrame).type))
      socket.on('close', (code, reason) => resolve(`closed ${code}: ${reason}`))
      socket.on('error', (error) => resolve(error.message))
    })
  }
  const ticket = async (headers = {}) => {
    const response = await stage.post(TICKET, headers)
    assert.equal(response.status, 200)
    return ((await response.json()) as { ticket: string }).ticket
  }
  return { ...stage, open, outcome, ticket }
}

test('without a token nobody needs a ticket, but one that is shown must be good', async (context) => {
  const { outcome, ticket } = await openStage(context)
  assert.equal(await outcome(STREAM), 'hello')
  const good = await ticket()
  assert.equal(await outcome(`${STREAM}?ticket=${good}`), 'hello')
  assert.equal(await outcome(`${STREAM}?ticket=${good}`), NO_TICKET)
  assert.equal(await outcome(`${STREAM}?ticket=`), NO_TICKET)
})

test('with a token it takes the token or a ticket', async (context) => {
  const { outcome, ticket, post, get } = await openStage(context, { token: TOKEN })
  assert.equal((await post(TICKET)).status, 401)
  assert.equal(await outcome(STREAM), NO_TICKET)
  assert.equal(await outcome(STREAM, { headers: { authorization: 'Bearer wrong' } }), NO_TICKET)
  assert.equal(await outcome(STREAM, { headers: BEARER }), 'hello')
  const good = await ticket(BEARER)
  assert.equal(await outcome(`${STREAM}?ticket=${good}`), 'hello')
  assert.equal(await outcome(`${STREAM}?ticket=${good}`), NO_TICKET)
  assert.equal(await outcome(`${STREAM}?ticket=${await ticket(BEARER)}&ticket=x`), NO_TICKET)
  // What is no WebSocket is told with a status.
  assert.equal((await get(STREAM)).status, 401)
  assert.equal((await get(STREAM, BEARER)).status, 426)
})

test('a ticket ends after 30 s', async (context) => {
  let now = 5000
  const { outcome, ticket, post } = await openStage(context, { token: TOKEN, now: () => now })
  const answer = (await (await post(TICKET, BEARER)).json()) as { expiresInMs: number }
  assert.equal(answer.expiresInMs, 30_000)
  const [early, late] = [await ticket(BEARER), await ticket(BEARER)]
  now += 29_999
  assert.equal(await outcome(`${STREAM}?ticket=${early}`), 'hello')
  now += 1
  assert.equal(await outcome(`${STREAM}?ticket=${late}`), NO_TICKET)
})

test('a ticket is of no use to another address', async (context) => {
  const { app, outcome } = await openStage(context, { token: TOKEN })
  const asked = { method: 'POST', url: TICKET, headers: BEARER } as const
  const theirs = (await app.inject({ ...asked, remoteAddress: '10.1.2.3' })).json()
  assert.equal(await outcome(`${STREAM}?ticket=${theirs.ticket}`), NO_TICKET)
  const ours = (await app.inject({ ...asked, remoteAddress: '127.0.0.1' })).json()
  assert.equal(await outcome(`${STREAM}?ticket=${ours.ticket}`), 'hello')
})

test('a page of elsewhere gets neither ticket nor stream', async (context) => {
  const ops = 'https://ops.example.com'
  const section = `admin: { bind: 127.0.0.1:0, allowedOrigins: ["${ops}"] }\n`
  const { outcome, post, origin } = await openStage(context, { control: fakeControl(section) })
  for (const foreign of ['https://evil.example.com', 'null', 'http://localhost:1']) {
    assert.equal(await outcome(STREAM, { headers: { origin: foreign } }), NOT_ALLOWED, foreign)
    assert.equal((await post(TICKET, { origin: foreign })).status, 403, foreign)
  }
  for (const own of [origin, ops]) {
    assert.equal(await outcome(STREAM, { headers: { origin: own } }), 'hello', own)
    assert.equal((await post(TICKET, { origin: own })).status, 200, own)
  }
})

test('a page whose foreign name leads to this machine is not taken for our own', async (context) => {
  const { outcome, origin } = await openStage(context)
  const host = `evil.example.com:${new URL(origin).port}`
  assert.equal(await outcome(STREAM, { headers: { host, origin: `http://${host}` } }), NOT_ALLOWED)
})

test('only the stream is a WebSocket', async (context) => {
  const { outcome } = await openStage(context, { token: TOKEN })
  assert.equal(await outcome('/api/v1/state'), 'Unexpected server response: 401')
  assert.match(await outcome('/api/v1/state', { headers: BEARER }), /^closed 100[05]/)
  assert.equal(await outcome('/nowhere'), 'Unexpected server response: 404')
})

test('whoever offers other subprotocols gets none, and whoever offers none is welcome', async (context) => {
  const { origin } = await openStage(context)
  const url = `${origin.replace('http', 'ws')}${STREAM}`
  const foreign = new WebSocket(url, 'mqtt')
  const [error] = await once(foreign, 'error')
  assert.match(error.message, /sent no subprotocol/)
  const plain = new WebSocket(url)
  context.after(() => plain.terminate())
  const [data] = await once(plain, 'message')
  assert.equal(JSON.parse(String(data)).type, 'hello')
})

test('a frame that is too large ends the socket with 1009, and the node lives', async (context) => {
  const { open, outcome } = await openStage(context)
  const socket = open(STREAM)
  await once(socket, 'message')
  socket.send('x'.repeat(17_000))
  const [code] = await once(socket, 'close')
  assert.equal(code, 1009)
  assert.equal(await outcome(STREAM), 'hello')
})

test('every tick asks for what the clients want to see, and tells them', async (context) => {
  const { open, live } = await openStage(context)
  live.onTick()
  const socket = open(STREAM)
  const frames: ServerFrame[] = []
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'subscribe', topics: ['audit'], clients: ['checkout'] }))
  while (frames.filter(({ type }) => type === 'snapshot').length < 2) await once(socket, 'message')
  live.onTick()
  while (frames.at(-1)!.type !== 'delta') await once(socket, 'message')
  assert.deepEqual(live.asked, [
    { scope: 'fleet', topics: [], clients: [] },
    { scope: 'fleet', topics: ['audit'], clients: ['checkout'] },
  ])
})

test('what the stream holds stands in the metrics', async (context) => {
  const { open, outcome, get, ticket, post } = await openStage(context, { token: TOKEN })
  const socket = open(STREAM, { headers: BEARER })
  await once(socket, 'message')
  assert.equal(await outcome(STREAM), NO_TICKET)
  const page = await (await get('/metrics', BEARER)).text()
  const { clients, closes } = JSON.parse(page.slice(2))
  assert.ok(clients === 1 || clients === 2, 'the other one may still be closing')
  assert.deepEqual(closes, { 4401: 1 })
  assert.ok((await ticket(BEARER)) && (await post(TICKET, BEARER)).ok)
})

test('nothing secret is logged', async (context) => {
  const written: string[] = []
  const write = process.stdout.write
  const control = fakeControl()
  const { outcome, ticket, live, get } = await openStage(context, { token: TOKEN, control })
  process.stdout.write = ((text: string, ...rest: []) => {
    written.push(text)
    return write.call(process.stdout, text, ...rest)
  }) as typeof write
  try {
    const good = await ticket(BEARER)
    for (let i = 0; i < 2; i++) await outcome(`${STREAM}?ticket=${good}`)
    await outcome(STREAM, { headers: { ...BEARER, origin: 'https://evil.example.com' } })
    live.state = () => {
      throw new Error('out of order')
    }
    await get(`/api/v1/state?ticket=${good}`, BEARER)
    await get(`/api/v1/state?client=${good}`, BEARER)
    await get(`/nowhere?ticket=${good}`, BEARER)
    const all = `${written.join('')}${JSON.stringify(control.logged)}`
    assert.match(all, /out of order/)
    assert.ok(!all.includes(good) && !all.includes(TOKEN), all)
  } finally {
    process.stdout.write = write
  }
})

test('when the node ends the stream does, with 1001, and nobody who is silent holds that up', async (context) => {
  const { open, app, live } = await openStage(context)
  live.onTick()
  const [reader, stalled] = [open(STREAM), open(STREAM)]
  await Promise.all([once(reader, 'message'), once(stalled, 'open')])
  stalled.pause()
  const closed = once(reader, 'close')
  await app.close()
  const [code, reason] = await closed
  assert.deepEqual([code, String(reason)], [1001, 'the node drains or ends'])
})
