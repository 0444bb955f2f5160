import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, test } from 'node:test'
import { backOff, type Connection, Stream } from '#dashboard/stream.ts'
import type { Delta, EventFrame, Hello, Snapshot } from '#status/contract.ts'
import { type FixtureOptions, FixtureServer } from '#test/dashboard/fixture-server.ts'

interface Heard {
  events: EventEmitter
  connections: Connection[]
  snapshots: { hello: Hello; frame: Snapshot }[]
  stream: Stream
}

const ends: (() => Promise<void> | void)[] = []
after(async () => {
  for (const end of ends) await end()
})

async function serverWith(options: FixtureOptions): Promise<FixtureServer> {
  const server = new FixtureServer({ intervalMs: 100, ...options })
  await server.start()
  ends.push(() => server.stop())
  return server
}

function listenTo(url: string): Heard {
  const events = new EventEmitter()
  const connections: Connection[] = []
  const snapshots: Heard['snapshots'] = []
  const stream = new Stream(url, {
    connection: (now) => {
      connections.push(now)
      events.emit(now.kind, now)
    },
    snapshot: (hello, frame) => {
      snapshots.push({ hello, frame })
      events.emit('snapshot', frame)
    },
    delta: (frame: Delta) => events.emit('delta', frame),
    event: (frame: EventFrame) => events.emit('event', frame),
  })
  ends.push(() => stream.sleep())
  return { events, connections, snapshots, stream }
}

test('the back-off doubles from 1 s to 30 s, with jitter', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((attempt) => backOff(attempt, 1)),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  )
  assert.equal(backOff(0, 0), 1000)
  assert.equal(backOff(9, 0), 15_000)
})

test('ticket, hello, snapshot, deltas, events', async () => {
  const server = await serverWith({})
  const { events, stream, connections, snapshots } = listenTo(server.url)
  void stream.connect()
  await once(events, 'live')
  const [delta] = (await once(events, 'delta')) as [Delta]
  assert.equal(delta.seq, snapshots[0]!.frame.seq + 1)
  assert.deepEqual(
    connections.map(({ kind }) => kind),
    ['connecting', 'live'],
  )
  const event = { ts: 1, kind: 'reload', severity: 'info', text: 'reloaded' } as const
  const heard = once(events, 'event')
  server.happen(event)
  const [{ text }] = (await heard) as [EventFrame]
  assert.equal(text, 'reloaded')
})

test('a missing frame brings a new connection and a new snapshot', async () => {
  const server = await serverWith({})
  const { events, stream } = listenTo(server.url)
  void stream.connect()
  await once(events, 'delta')
  const again = once(events, 'snapshot')
  server.skipFrame()
  await again
  assert.equal(server.ticketsGiven, 2)
})

test('a node that restarts is found again, with another epoch', async () => {
  const server = await serverWith({})
  const { events, stream, snapshots } = listenTo(server.url)
  void stream.connect()
  await once(events, 'delta')
  const lost = once(events, 'waiting')
  await server.stop()
  const [{ why, until }] = (await lost) as [Connection & { kind: 'waiting' }]
  assert.match(why, /lost/)
  assert.ok(until > Date.now())
  const again = once(events, 'snapshot')
  await server.start()
  stream.wake()
  await again
  assert.notEqual(snapshots[0]!.hello.epoch, snapshots[1]!.hello.epoch)
})

test('nobody is there: it says so, and when it tries again', async () => {
  const server = await serverWith({})
  await server.stop()
  const { events, stream } = listenTo(server.url)
  const lost = once(events, 'waiting')
  void stream.connect()
  const [{ why }] = (await lost) as [Connection & { kind: 'waiting' }]
  assert.equal(why, 'the node does not answer')
})

test('the admin token opens a locked node, another one does not', async () => {
  const server = await serverWith({ token: 'right' })
  const { events, stream } = listenTo(server.url)
  const next = async (what: () => void) => {
    const heard = once(events, 'locked')
    what()
    return ((await heard) as [Connection])[0]
  }
  assert.deepEqual(await next(() => void stream.connect()), { kind: 'locked', refused: false })
  assert.deepEqual(await next(() => stream.unlock('wrong')), { kind: 'locked', refused: true })
  const live = once(events, 'live')
  stream.unlock('right')
  await live
})

test('topics asked for by name come with the next snapshot, and are asked for again after a loss', async () => {
  const server = await serverWith({})
  const { events, stream, snapshots } = listenTo(server.url)
  void stream.connect()
  await once(events, 'live')
  const asked = once(events, 'snapshot')
  stream.want(['quiet.topic'], [])
  await asked
  assert.ok('quiet.topic' in snapshots.at(-1)!.frame.state.topics)
  void stream.connect()
  await once(events, 'live')
  while (!('quiet.topic' in snapshots.at(-1)!.frame.state.topics)) await once(events, 'snapshot')
})

test('asleep it holds no connection, and wakes at once', async () => {
  const server = await serverWith({})
  const { events, stream, connections } = listenTo(server.url)
  void stream.connect()
  await once(events, 'live')
  stream.sleep()
  assert.equal(connections.at(-1)!.kind, 'asleep')
  const live = once(events, 'live')
  stream.wake()
  await live
})
