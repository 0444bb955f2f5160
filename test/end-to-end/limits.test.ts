import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { nullRecords } from '#test/support/hostile.ts'
import { residentBytes } from '#test/support/neighbours.ts'
import { RawClient } from '#test/support/raw-client.ts'

const MIB = 1024 * 1024

/** A gateway whose cluster does not exist: what is limited here is decided before any batch. */
function useGateway(limits: Record<string, unknown>, listener: Record<string, unknown> = {}): () => Gateway {
  let gateway: Gateway
  before(async () => {
    gateway = await startGateway({
      clusters: { dead: '127.0.0.1:1' },
      routes: { t: 'dead' },
      settings: {
        node: { id: 'gw-test', workers: 2 },
        listeners: [{ name: 'public', bind: '127.0.0.1:0', ...listener }],
        limits,
      },
    })
  })
  after(async () => {
    await gateway?.close()
  })
  return () => gateway
}

const nodeOf = async (gateway: Gateway) => (await gateway.state()).nodes['gw-test']!

/** Connects and says hello. @returns null if it was closed instead */
async function hello(port: number, before = Buffer.alloc(0)): Promise<RawClient | null> {
  const client = await RawClient.connect(port)
  if (before.length > 0) client.send(before)
  const greeted = await client.request('apiVersions', 0, {}).catch(() => null)
  return greeted && client
}

const closeAll = (clients: readonly RawClient[]) => Promise.all(clients.map((client) => client.close()))

describe('limits.maxConnections', () => {
  const LIMIT = 20
  const gateway = useGateway({ maxConnections: LIMIT })

  test('beyond it a connection is closed at once; when others leave there is room again', async () => {
    const clients: RawClient[] = []
    for (let client = await hello(gateway().port); client; client = await hello(gateway().port)) {
      clients.push(client)
    }
    // The workers tell each other how many they have: for a moment each may think that it is alone.
    assert.ok(clients.length >= LIMIT && clients.length <= 2 * LIMIT, `${clients.length} were served`)
    await gateway().waitFor('counted', ({ nodes }) => nodes['gw-test']!.closed.too_many_connections === 1)
    for (let i = 0; i < 30; i++) assert.equal(await hello(gateway().port), null)
    assert.ok(clients.every(({ isClosed }) => !isClosed))
    await closeAll(clients)
    await gateway().waitFor('room', ({ nodes }) => nodes['gw-test']!.connections === 0)
    let again: RawClient | null = null
    while (!again) again = await hello(gateway().port)
    await again.close()
    assert.match(gateway().log(), /"reason":"too_many_connections"/)
  })
})

describe('limits.maxConnectionsPerAddress', () => {
  const LIMIT = 5
  const gateway = useGateway({ maxConnectionsPerAddress: LIMIT }, { proxyProtocol: 'required' })
  const from = (address: string) => Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 40000 9092\r\n`)

  test('beyond it the address is refused, another is not', async () => {
    const { port } = gateway()
    const greedy = await Promise.all(Array.from({ length: 40 }, () => hello(port, from('192.0.2.66'))))
    const served = greedy.filter((client) => client !== null)
    assert.ok(served.length >= LIMIT && served.length <= 2 * LIMIT, `${served.length} were served`)
    const modest = await Promise.all(Array.from({ length: LIMIT }, () => hello(port, from('192.0.2.7'))))
    assert.ok(modest.every((client) => client !== null))
    const state = await gateway().waitFor('counted', ({ nodes }) => {
      return nodes['gw-test']!.closed.too_many_from_address === greedy.length - served.length
    })
    assert.equal(state.nodes['gw-test']!.connections, served.length + LIMIT)
    await closeAll(served)
    await gateway().waitFor('room', ({ nodes }) => nodes['gw-test']!.connections === LIMIT)
    const again = await hello(port, from('192.0.2.66'))
    assert.ok(again, 'the address is welcome again')
    await closeAll([again, ...(modest as RawClient[])])
  })
})

describe('limits.outputBytes and limits.writeTimeout', () => {
  const gateway = useGateway({ outputBytes: '64KiB', writeTimeout: '2s' })
  /** About 80 KB to ask, 600 KB to answer: every partition is refused with a reason. */
  const request = nullRecords('t', 10_000)

  test('clients that never read are held back, then closed; nobody else notices', async () => {
    const before = residentBytes(gateway().running.pid)
    const deaf = await Promise.all(Array.from({ length: 10 }, () => RawClient.connect(gateway().port)))
    for (const client of deaf) {
      client.socket.pause()
      for (let i = 0; i < 100; i++) client.send(request)
    }
    const well = (await hello(gateway().port))!
    let grown = 0
    while (!deaf.every(({ isClosed }) => isClosed)) {
      assert.equal((await well.request('apiVersions', 0, {})).errorCode, 0)
      grown = Math.max(grown, residentBytes(gateway().running.pid) - before)
      await pause(50)
    }
    await well.close()
    // Ten times 100 answers would be 600 MB; the kernel holds some MB of each connection.
    assert.ok(grown < 200 * MIB, `${Math.round(grown / MIB)} MiB more`)
    await gateway().waitFor('counted', ({ nodes }) => nodes['gw-test']!.closed.write_timeout === deaf.length)
    const { reservedBytes, unanswered } = await nodeOf(gateway())
    assert.deepEqual([reservedBytes, unanswered], [0, 0])
  })

  test('a client that reads slowly, but reads, gets all its answers', async () => {
    const client = await RawClient.connect(gateway().port)
    for (let i = 0; i < 100; i++) client.send(request)
    client.socket.on('data', () => {
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 4)
    })
    for (let i = 0; i < 100; i++) assert.ok((await client.frame()).length > 500_000, `answer ${i}`)
    await client.close()
  })
})

describe('limits.frameTimeout and limits.firstRequestTimeout', () => {
  const gateway = useGateway({ frameTimeout: '1s', firstRequestTimeout: '2s' })

  test('clients that trickle and clients that say nothing are closed; one that is quick is not', async () => {
    const { port } = gateway()
    const connect = (count: number) =>
      Promise.all(Array.from({ length: count }, () => RawClient.connect(port)))
    const tricklers = await connect(100)
    const silent = await connect(100)
    const well = (await hello(port))!
    const frame = well.encode('metadata', 4, { topics: null, allowAutoTopicCreation: false })
    for (let i = 0; [...tricklers, ...silent].some(({ isClosed }) => !isClosed); i++) {
      for (const client of tricklers) if (!client.isClosed) client.send(Buffer.of(frame[i]!))
      assert.equal((await well.request('apiVersions', 0, {})).errorCode, 0)
      await pause(100)
    }
    await gateway().waitFor('counted', ({ nodes }) => {
      const { frame_timeout, first_request_timeout } = nodes['gw-test']!.closed
      return frame_timeout === tricklers.length && first_request_timeout === silent.length
    })
    assert.equal(well.isClosed, false)
    await well.close()
  })
})
