import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Listener } from '#gateway/listener.ts'
import { configOf, edit, TWO_CLUSTERS } from '#test/gateway/config-fixture.ts'
import { freePortRange } from '#test/support/ports.ts'
import { until } from '#test/upstream/stub-broker.ts'

/** A listener of `TWO_CLUSTERS` at that address, with what `more` adds to it. */
function listenerAt(context: TestContext, bind: string, more = '') {
  const config = configOf(edit(TWO_CLUSTERS, 'bind: 127.0.0.1:9092', `bind: ${bind}${more}`))
  const accepted: Socket[] = []
  const listener = new Listener(config.listeners[0]!, config, (socket) => accepted.push(socket))
  context.after(() => {
    listener.close()
    for (const socket of accepted) socket.destroy()
  })
  return { listener, accepted, config }
}

async function reaches(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}

test('every cluster has a port of its own, at its offset from the bootstrap port', async (context) => {
  const port = await freePortRange(3)
  const { listener, accepted } = listenerAt(context, `127.0.0.1:${port}`)
  await listener.open({}, false)
  assert.deepEqual(listener.ports(), { public: port, 'public/eu': port + 1, 'public/us': port + 2 })
  assert.deepEqual(
    listener.virtual.brokers.map(({ cluster, host, port }) => ({ cluster, host, port })),
    [
      { cluster: 'eu', host: '127.0.0.1', port: port + 1 },
      { cluster: 'us', host: '127.0.0.1', port: port + 2 },
    ],
  )
  for (let offset = 0; offset < 3; offset++) assert.ok(await reaches(port + offset))
  await until(() => accepted.length === 3, 'all are accepted')
})

test('the cluster at offset 0 lives at the bootstrap port', async (context) => {
  const port = await freePortRange(2)
  const text = edit(edit(TWO_CLUSTERS, 'portOffset: 1', 'portOffset: 0'), 'portOffset: 2', 'portOffset: 1')
  const config = configOf(edit(text, '127.0.0.1:9092', `127.0.0.1:${port}`))
  const listener = new Listener(config.listeners[0]!, config, () => {})
  context.after(() => listener.close())
  await listener.open({}, false)
  assert.deepEqual(listener.ports(), { public: port, 'public/us': port + 1 })
  assert.deepEqual(
    listener.virtual.brokers.map(({ port }) => port),
    [port, port + 1],
  )
})

test('with perCluster false there is one port and one broker', async (context) => {
  const port = await freePortRange(1)
  const { listener } = listenerAt(context, `127.0.0.1:${port}`, ', advertised: { perCluster: false }')
  await listener.open({}, false)
  assert.deepEqual(listener.ports(), { public: port })
  assert.deepEqual(
    listener.virtual.brokers.map(({ port }) => port),
    [port],
  )
})

test('what is advertised may differ from what is bound', async (context) => {
  const port = await freePortRange(3)
  const { listener } = listenerAt(
    context,
    `127.0.0.1:${port}`,
    ', advertised: { host: kafka.example.com, port: 19092 }',
  )
  await listener.open({}, false)
  assert.deepEqual(
    listener.virtual.brokers.map(({ host, port }) => `${host}:${port}`),
    ['kafka.example.com:19093', 'kafka.example.com:19094'],
  )
})

test('in per_node mode the node stands in the host name and in the ids', async (context) => {
  const port = await freePortRange(3)
  const advertised = ', advertised: { mode: per_node, host: "{node}.gw.example.com" }'
  const { listener, config } = listenerAt(context, `127.0.0.1:${port}`, advertised)
  await listener.open({}, false)
  for (const { host, id } of listener.virtual.brokers) {
    assert.equal(host, `${config.node.id}.gw.example.com`)
    assert.ok(id > 1024)
  }
})

test('port 0: the system chooses, and a second worker takes the same', async (context) => {
  const first = listenerAt(context, '127.0.0.1:0')
  await first.listener.open({}, true)
  const ports = first.listener.ports()
  assert.equal(new Set(Object.values(ports)).size, 3)
  const second = listenerAt(context, '127.0.0.1:0')
  await second.listener.open(ports, true)
  assert.deepEqual(second.listener.ports(), ports)
  assert.deepEqual(second.listener.virtual.brokers, first.listener.virtual.brokers)
})

test('a port that is taken is named', async (context) => {
  const port = await freePortRange(3)
  const other = createServer().listen(port + 2, '127.0.0.1')
  context.after(() => other.close())
  await once(other, 'listening')
  const { listener } = listenerAt(context, `127.0.0.1:${port}`)
  await assert.rejects(
    listener.open({}, false),
    new RegExp(`listeners: public cannot bind 127.0.0.1:${port + 2}: port ${port + 2} is in use`),
  )
})

test('a connection that comes before the last port is bound waits for it', async (context) => {
  const port = await freePortRange(3)
  const { listener, accepted } = listenerAt(context, `127.0.0.1:${port}`)
  const opening = listener.open({}, false)
  const early = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  for (const socket of early) socket.on('error', () => {})
  await opening
  assert.ok(listener.virtual.brokers.length === 2)
  await once(early[0]!, 'connect').catch(() => {})
  await until(() => accepted.length > 0, 'it is handed on')
  for (const socket of early) socket.destroy()
})

test('closed, it accepts no more, and what is connected stays', async (context) => {
  const port = await freePortRange(3)
  const { listener, accepted } = listenerAt(context, `127.0.0.1:${port}`)
  await listener.open({}, false)
  const client = connect(port, '127.0.0.1')
  context.after(() => client.destroy())
  await until(() => accepted.length === 1, 'it is accepted')
  listener.close()
  assert.equal(await reaches(port), false)
  accepted[0]!.on('data', (chunk) => accepted[0]!.write(chunk))
  client.write('still here')
  const [chunk] = await once(client, 'data')
  assert.equal(String(chunk), 'still here')
})
