import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { apis } from '#protocol/apis.ts'
import { encodeResponse } from '#protocol/header.ts'
import { metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { type Asked, apiVersionsAnswer, StubBroker, until } from '#test/upstream/stub-broker.ts'
import { type ConnectionOptions, UpstreamConnection } from '#upstream/connection.ts'

const broker = await new StubBroker().listen()
const opened: UpstreamConnection[] = []
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close()
  broker.instead = () => false
  broker.frozen = false
})
after(() => broker.close())

function connect(more: Partial<ConnectionOptions> = {}): UpstreamConnection {
  const options = {
    ...broker.address,
    clientId: 'me',
    connectTimeoutMs: 2000,
    requestTimeoutMs: 2000,
    ...more,
  }
  const connection = new UpstreamConnection(options)
  opened.push(connection)
  return connection
}

async function open(more: Partial<ConnectionOptions> = {}): Promise<UpstreamConnection> {
  const connection = connect(more)
  await connection.open()
  return connection
}

const ask = (connection: UpstreamConnection, timeoutMs?: number) =>
  connection.call(apis.metadata, metadataRequest, metadataResponse, { topics: [] }, timeoutMs)

/** An answer to each request that comes, instead of the right one. */
function answerWith(bytes: (asked: Asked) => Buffer, keys: number[] = [apis.metadata.key]): void {
  broker.instead = (asked) => {
    if (!keys.includes(asked.key)) return false
    asked.socket.write(bytes(asked))
    return true
  }
}

const metadataAnswer = ({ version, correlationId }: Asked) =>
  encodeResponse(apis.metadata, metadataResponse, version, correlationId, { brokers: [], topics: [] })

test('it negotiates the highest version that both sides speak', async () => {
  const connection = await open()
  assert.equal(connection.state, 'ready')
  assert.equal(connection.versionOf(apis.produce), 11)
  assert.equal(connection.versionOf(apis.metadata), 12)
  assert.throws(() => connection.versionOf(apis.initProducerId), /speaks InitProducerId versions none/)
  connection.versions = new Map([[0, { min: 13, max: 20 }]])
  assert.throws(() => connection.versionOf(apis.produce), /versions 13 to 20, Sluice 3 to 12/)
})

test('a broker that does not know the ApiVersions version is asked in version 0', async () => {
  const versions: number[] = []
  broker.instead = (asked) => {
    if (asked.key !== apis.apiVersions.key) return false
    versions.push(asked.version)
    const answer = {
      errorCode: asked.version > 0 ? 35 : 0,
      apiKeys: [{ apiKey: 0, minVersion: 3, maxVersion: 9 }],
    }
    asked.socket.write(encodeResponse(apis.apiVersions, apiVersionsResponse, 0, asked.correlationId, answer))
    return true
  }
  const connection = await open()
  assert.deepEqual(versions, [3, 0])
  assert.equal(connection.versionOf(apis.produce), 9)
})

test('answers go to their requests, in order, and each tells that the broker lives', async () => {
  const connection = await open()
  let alive = 0
  connection.onAlive = () => alive++
  const done: number[] = []
  await Promise.all([1, 2, 3].map((i) => ask(connection).then(() => done.push(i))))
  assert.deepEqual(done, [1, 2, 3])
  assert.equal(alive, 3)
})

test('an answer with another correlation id closes the connection; nobody takes it for his own', async () => {
  const connection = await open()
  answerWith((asked) => metadataAnswer({ ...asked, correlationId: asked.correlationId + 1 }))
  const asked = [ask(connection), ask(connection)].map((answer) =>
    assert.rejects(answer, /answered \d+, not \d+/),
  )
  await Promise.all(asked)
  assert.equal(connection.state, 'closed')
})

for (const [what, bytes] of [
  ['an answer that nobody waits for', Buffer.from('0000000400000063', 'hex')],
  ['a negative length', Buffer.from('ffffffff', 'hex')],
  ['a length over 100 MiB', Buffer.from('06400001', 'hex')],
  ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a frame too short for a correlation id', Buffer.from('00000001ff', 'hex')],
] as const) {
  test(`${what} closes the connection and fails what is asked`, async () => {
    const connection = await open()
    const closed: Error[] = []
    connection.options.onClosed = (error) => closed.push(error)
    answerWith(() => (what.includes('nobody') ? Buffer.concat([bytes, bytes]) : bytes))
    await assert.rejects(ask(connection), { name: 'ProtocolError' })
    assert.equal(connection.state, 'closed')
    assert.equal(closed.length, 1)
  })
}

test('a body that does not decode fails its request, and the connection', async () => {
  const connection = await open()
  answerWith((asked) => metadataAnswer(asked).fill(0xff, 8))
  await assert.rejects(ask(connection), { name: 'ProtocolError' })
  assert.equal(connection.state, 'closed')
})

test('an unanswered request fails in time and closes the connection', async () => {
  const connection = await open({ requestTimeoutMs: 60_000 })
  broker.frozen = true
  const first = assert.rejects(ask(connection, 50), /did not answer Metadata within 50 ms/)
  const second = assert.rejects(ask(connection), /did not answer Metadata within 50 ms/)
  await Promise.all([first, second])
  assert.equal(connection.state, 'closed')
  await assert.rejects(ask(connection), /is closed/)
})

test('a broker that takes the connection and says nothing fails the opening in time', async () => {
  broker.frozen = true
  const connection = connect({ connectTimeoutMs: 60 })
  await assert.rejects(connection.open(), /did not answer within 60 ms/)
  assert.equal(connection.state, 'closed')
})

test('a port where nobody listens fails the opening', async () => {
  const gone = await new StubBroker().listen()
  await gone.close()
  const closed: Error[] = []
  const connection = connect({ ...gone.address, onClosed: (error) => closed.push(error) })
  await assert.rejects(connection.open(), /ECONNREFUSED/)
  assert.equal(closed.length, 1)
})

test('a broker that sends nonsense behind its first answer is not taken for ready', async () => {
  answerWith(
    (asked) => Buffer.concat([apiVersionsAnswer(asked), Buffer.from('0000000400000063', 'hex')]),
    [18],
  )
  const connection = connect()
  await assert.rejects(connection.open())
  assert.equal(connection.state, 'closed')
})

test('when it closes, everything unanswered fails in order, then its owner is told, once', async () => {
  const told: string[] = []
  const connection = await open({ onClosed: (error) => told.push(`closed: ${error.message}`) })
  broker.frozen = true
  for (const name of ['first', 'second']) {
    const waiter = { answered() {}, failed: (error: Error) => told.push(`${name}: ${error.message}`) }
    connection.send([Buffer.alloc(4)], connection.nextCorrelationId(), waiter)
  }
  connection.close(new Error('enough'))
  connection.close(new Error('again'))
  assert.deepEqual(told, ['first: enough', 'second: enough', 'closed: enough'])
  await until(() => broker.sockets.size === 0, 'the socket is gone')
  assert.equal(told.length, 3)
})

test('a broker that hangs up fails what it was asked', async () => {
  const connection = await open()
  broker.frozen = true
  const asked = assert.rejects(ask(connection), /closed the connection|ECONNRESET/)
  await until(() => broker.sockets.size > 0, 'it is connected')
  for (const socket of broker.sockets) socket.destroy()
  await asked
})

test('pieces of a frame arrive as one', async () => {
  const connection = await open()
  const got: Buffer[] = []
  broker.instead = ({ key, body, socket, correlationId }) => {
    if (key !== 77) return false
    got.push(body.buffer.subarray(body.position))
    const answer = Buffer.alloc(8)
    answer.writeInt32BE(4)
    answer.writeInt32BE(correlationId, 4)
    socket.write(answer)
    return true
  }
  const id = connection.nextCorrelationId()
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + 5 + 3)
  header.writeInt16BE(77, 4)
  header.writeInt32BE(id, 8)
  header.writeInt16BE(-1, 12)
  const answer = new Promise<Buffer>((resolve, failed) => {
    connection.send([header, Buffer.from('hello'), Buffer.from('you')], id, { answered: resolve, failed })
  })
  assert.equal((await answer).readInt32BE(0), id)
  assert.equal(got[0]!.toString(), 'helloyou')
})
