import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '#status/contract.ts'
import { SERIES } from '#status/history.ts'
import { MAX_CLIENTS } from '#status/stream.ts'
import { overTheWire, withoutNulls } from '#test/status/json.ts'
import { client, cluster, fleet, node, START, topic } from '#test/status/states.ts'
import { openStage, type Reader, until } from '#test/status/stream-stage.ts'
import { type Random, seeded } from '#test/support/random-message.ts'

const at = (second: number, more: Partial<State> = {}) => fleet({ ts: START + second * 1000, ...more })
const seen = (state: State) => withoutNulls(overTheWire(state))
const down = { eu: cluster({ state: 'down' as const, reason: 'no broker answers' }) }
const seqsOf = (reader: Reader) => reader.frames.flatMap((frame) => ('seq' in frame ? [frame.seq] : []))

test('a greeting, all that is known, and then what changes', async (context) => {
  const { connect, tick } = await openStage(context)
  tick(at(0))
  const reader = await connect()
  tick(at(1, { topics: { orders: topic(200) } }))
  await reader.caughtUp()
  const [hello, snapshot, delta] = reader.frames
  assert.ok(hello?.type === 'hello' && snapshot?.type === 'snapshot' && delta?.type === 'delta')
  const { epoch, ...rest } = hello
  assert.deepEqual(rest, { type: 'hello', protocol: 1, node: 'gw-1', interval_ms: 1000, series: SERIES })
  assert.match(epoch, /^[\w-]{36}$/)
  assert.deepEqual(snapshot.state, seen(at(0)))
  assert.deepEqual(snapshot.history.series['nodes.gw-1.connections'], [7])
  assert.deepEqual([snapshot.ts, delta.ts], [START, START + 1000])
  assert.equal(delta.seq, snapshot.seq + 1)
  assert.deepEqual(delta.state, {
    ts: START + 1000,
    topics: { orders: { rates: { bytesIn: 200 }, totals: { bytesIn: 20_000 } } },
  })
  assert.equal(reader.socket.protocol, 'sluice.v1')
})

test('whoever comes before the first state gets it when it is there', async (context) => {
  const { connect, tick } = await openStage(context)
  const reader = await connect()
  await reader.caughtUp()
  assert.equal(reader.of('snapshot').length, 0)
  tick(at(0))
  await reader.caughtUp()
  assert.deepEqual(reader.state, seen(at(0)))
})

test('events are frames of their own, and stand in the next snapshots', async (context) => {
  const { connect, tick } = await openStage(context)
  tick(at(0))
  const reader = await connect()
  tick(at(1, { clusters: down }))
  await reader.caughtUp()
  const text = 'eu is down: no broker answers'
  const event = { ts: START + 1000, kind: 'cluster_state', severity: 'error', cluster: 'eu', text }
  assert.deepEqual(reader.of('event'), [{ type: 'event', seq: reader.of('delta')[0]!.seq + 1, ...event }])
  const other = await connect()
  await other.caughtUp()
  assert.deepEqual(other.of('snapshot')[0]!.events, [event])
  assert.equal(other.of('event').length, 0)
})

test('the last 200 events are kept', async (context) => {
  const { connect, tick } = await openStage(context)
  for (let i = 0; i < 250; i++) tick(at(i, i % 2 ? {} : { clusters: down }))
  const reader = await connect()
  await reader.caughtUp()
  const { events } = reader.of('snapshot')[0]!
  assert.equal(events.length, 200)
  assert.equal(events.at(-1)!.ts, START + 249_000)
})

test('a client sees what it has asked for', async (context) => {
  const { connect, tick, hub } = await openStage(context)
  const busy = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`t${i}`, topic(1000 - i)]))
  const clients = Array.from({ length: 300 }, (_, i) => client(`c${i}`, 1000 - i))
  tick(at(0, { topics: busy, clients }))
  const reader = await connect()
  const snapshots = () => reader.of('snapshot')
  reader.send({ type: 'subscribe', topics: ['t250'], clients: ['c299', 'unknown'] })
  await until('a snapshot', () => snapshots().length === 2)
  const [first, second] = snapshots().map(({ state }) => state)
  assert.equal(Object.keys(first!.topics).length, 200)
  assert.equal(first!.clients.length, 200)
  assert.equal(Object.keys(second!.topics).length, 201)
  assert.deepEqual(second!.topics.t250, busy.t250)
  assert.deepEqual(second!.clients.at(-1), clients[299])
  assert.deepEqual(hub.named, { topics: ['t250'], clients: ['c299', 'unknown'] })
  // What is left out stays as it was.
  tick(at(1, { topics: busy, clients }))
  reader.send({ type: 'subscribe', topics: false })
  await until('a snapshot', () => snapshots().length === 3)
  const third = snapshots()[2]!.state
  assert.deepEqual([third.topics, third.clients.length], [{}, 201])
  reader.socket.close()
  await until('it is forgotten', () => hub.named.clients.length === 0)
})

test('deltas come as seldom as asked for, events at once', async (context) => {
  const { connect, tick } = await openStage(context)
  tick(at(0))
  const reader = await connect()
  reader.send({ type: 'subscribe', interval_ms: 2500 })
  await until('a snapshot', () => reader.of('snapshot').length === 2)
  for (let i = 1; i <= 6; i++) tick(at(i, i === 2 ? { clusters: down } : {}))
  await reader.caughtUp()
  const told = reader.frames
    .slice(3)
    .map((frame) => [frame.type, 'ts' in frame ? (frame.ts - START) / 1000 : null])
  assert.deepEqual(told, [
    ['event', 2],
    ['delta', 3],
    ['event', 3],
    ['delta', 6],
    ['pong', null],
  ])
  assert.deepEqual(reader.state, seen(at(6)))
})

test('what is not understood is answered in words', async (context) => {
  const { connect, tick } = await openStage(context)
  tick(at(0))
  const reader = await connect()
  const answer = async (frame: string) => {
    const before = reader.of('error').length
    reader.socket.send(frame)
    await until('an answer', () => reader.of('error').length > before)
    return reader.of('error').at(-1)!.text
  }
  assert.equal(await answer('{'), 'the frame is no JSON')
  assert.equal(await answer('{"type":"drain"}'), 'type must be "subscribe" or "ping"')
  const names = 'must be false or at most 50 names of at most 249 characters'
  assert.equal(await answer('{"type":"subscribe","topics":true}'), `topics ${names}`)
  const many = Array.from({ length: 51 }, String)
  assert.equal(await answer(JSON.stringify({ type: 'subscribe', clients: many })), `clients ${names}`)
  const interval = 'interval_ms must be a number from 200 to 60000'
  assert.equal(
    await answer('{"type":"subscribe","interval_ms":1,"topics":[1]}'),
    `topics ${names}; ${interval}`,
  )
  reader.send({ type: 'ping', more: 'is passed over' })
  await until('a pong', () => reader.of('pong').length === 1)
})

test('a frame that is no text, or too large, ends the connection', async (context) => {
  const { connect, tick, hub } = await openStage(context)
  tick(at(0))
  const [binary, large] = [await connect(), await connect()]
  binary.socket.send(Buffer.from('{"type":"ping"}'))
  large.send({ type: 'ping', more: 'x'.repeat(17_000) })
  await until('both are closed', () => binary.closed !== null && large.closed !== null)
  assert.equal(binary.closed!.code, 1008)
  assert.equal(large.closed!.code, 1009)
  await until('the ledger is empty', () => hub.ledger.clients === 0)
  assert.deepEqual(hub.ledger.closes, { 1008: 1, 1009: 1 })
})

test('whatever happens to the state, who follows has it exactly', async (context) => {
  const seed = process.env.SEED ?? String(Date.now())
  console.log(`# SEED=${seed}`)
  const random = seeded(seed)
  const { connect, tick } = await openStage(context)
  const all: Reader[] = [await connect()]
  const quick: Reader[] = [all[0]!]
  for (let i = 0; i < 100; i++) {
    const state = randomState(random, i)
    tick(state)
    if (random() < 0.1) quick.push(await connect(), (all[all.length] = quick.at(-1)!))
    if (random() < 0.2) {
      const seldom = await connect()
      seldom.send({ type: 'subscribe', interval_ms: 3000 + Math.floor(random() * 2) * 2000 })
      all.push(seldom)
    }
    for (const reader of quick) await reader.caughtUp()
    for (const reader of quick) assert.deepEqual(reader.state, seen(state))
  }
  // Those who look seldom have it when their time comes.
  const last = randomState(random, 200)
  for (let i = 0; i < 5; i++) tick(last)
  for (const reader of all) await reader.caughtUp()
  for (const reader of all) assert.deepEqual(reader.state, seen(last))
})

function randomState(random: Random, second: number): State {
  const pick = (names: string[]) => names.filter(() => random() < 0.7)
  const some = (most: number) => Math.floor(random() * most)
  const latency = () => ({ p50: random() < 0.5 ? null : some(3), p95: null, p99: random() })
  const clusters = pick(['eu', 'us']).map((name) => {
    const errorRates = Object.fromEntries(pick(['7', '19', '87']).map((code) => [code, some(3)]))
    const latencyMs = { gateway: latency(), upstream: latency(), total: latency() }
    const refreshedAt = random() < 0.5 ? null : some(3)
    return [name, cluster({ errorRates, latencyMs, refreshedAt, reason: pick(['a', 'b']).join() })]
  })
  const nodes = pick(['gw-1', 'gw-2', 'constructor']).map((id) => {
    const reload = random() < 0.5 ? null : { at: some(2), ok: random() < 0.5, text: pick(['x', 'y']) }
    return [id, node({ reload, configHash: random() < 0.8 ? 'a' : 'b', workersLost: some(2) })]
  })
  const topics = pick(['a', '__proto__', 'toString', '1', '2']).map((name) => [name, topic(some(3))])
  return at(second, {
    clusters: Object.fromEntries(clusters),
    nodes: Object.fromEntries(nodes),
    topics: Object.fromEntries(topics),
    clients: pick(['a', 'b', '']).map((id, i) => client(id, 9 - i * 3 + some(3))),
  })
}

test('no more sockets than there is room for', async (context) => {
  const { connect, hub, tick, server } = await openStage(context)
  tick(at(0))
  const readers = await Promise.all(Array.from({ length: MAX_CLIENTS }, connect))
  for (const { frames } of readers) assert.equal(frames[0]!.type, 'hello')
  const { port } = server.address() as { port: number }
  const late = new WebSocket(`ws://127.0.0.1:${port}`, 'sluice.v1')
  const { code, reason } = await new Promise<{ code: number; reason: string }>((resolve) => {
    late.onclose = resolve
  })
  assert.deepEqual([code, reason], [1013, 'the client reads too slowly, or too many are connected'])
  readers[0]!.socket.close()
  await until('room', () => hub.ledger.clients < MAX_CLIENTS)
  await connect()
})

test('when the node ends everybody is told', async (context) => {
  const { connect, hub, tick } = await openStage(context)
  tick(at(0))
  const readers = await Promise.all(Array.from({ length: 3 }, connect))
  hub.close()
  await until('all are closed', () => readers.every(({ closed }) => closed !== null))
  for (const { closed } of readers)
    assert.deepEqual(closed, { code: 1001, reason: 'the node drains or ends' })
  await until('the ledger is empty', () => hub.ledger.clients === 0)
  assert.deepEqual(hub.ledger, { clients: 0, bufferedBytes: 0, framesSkipped: 0, closes: { 1001: 3 } })
})

test('a peer that does not answer pings is ended', async (context) => {
  const { connect, hub, tick } = await openStage(context)
  const [alive, dead] = [await connect(), await connect()]
  dead.socket.pause()
  let pings = 0
  alive.socket.on('ping', () => pings++)
  for (let i = 0; i < 65; i++) {
    tick(at(i))
    await alive.caughtUp()
  }
  await until('one is gone', () => hub.ledger.clients === 1)
  assert.equal(pings, 3)
  assert.equal(alive.closed, null)
  assert.deepEqual(seqsOf(alive).slice(-2), [seqsOf(alive).at(-1)! - 1, seqsOf(alive).at(-1)!])
})
