import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { freePort } from '#test/support/ports.ts'
import { Sniffer } from '#test/support/sniffer.ts'

let echo: Server
let sniffer: Sniffer
let port: number

before(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  port = await freePort()
  sniffer = await Sniffer.start([{ name: 'door', port, target: (echo.address() as AddressInfo).port }])
})
after(async () => {
  await sniffer.close()
  echo.close()
})

function request(apiKey: number, version: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(4 + 4 + bodyBytes, 'x')
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt16BE(version, 6)
  return frame
}

/** Sends the chunks, each by itself, and reads the echo until the other side is done. */
async function exchange(chunks: Buffer[]): Promise<Buffer> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const answers: Buffer[] = []
  socket.on('data', (chunk) => answers.push(chunk))
  for (const chunk of chunks) await new Promise((resolve) => socket.write(chunk, resolve))
  socket.end()
  await once(socket, 'end')
  return Buffer.concat(answers)
}

const STREAM = Buffer.concat([
  request(18, 4, 20),
  request(3, 12, 0),
  request(0, 11, 100_000),
  request(0, 9, 3),
])
const SEEN = [
  { apiKey: 18, version: 4 },
  { apiKey: 3, version: 12 },
  { apiKey: 0, version: 11 },
  { apiKey: 0, version: 9 },
]

test('requests are told of in order, and pass unchanged, however the stream is cut', async () => {
  sniffer.take()
  for (let cut = 1; cut < 40; cut++) {
    const answer = await exchange([STREAM.subarray(0, cut), STREAM.subarray(cut)])
    assert.ok(answer.equals(STREAM), `cut at ${cut}`)
    assert.deepEqual(sniffer.take(), [{ door: 'door', requests: SEEN }], `cut at ${cut}`)
  }
  const bytes = Array.from(STREAM.subarray(0, 40), (byte) => Buffer.from([byte]))
  await exchange([...bytes, STREAM.subarray(40)])
  assert.deepEqual(sniffer.take(), [{ door: 'door', requests: SEEN }])
})

test('every connection is told of, also one that asks nothing', async () => {
  sniffer.take()
  await exchange([])
  await exchange([STREAM])
  assert.deepEqual(
    sniffer.take().map(({ requests }) => requests.length),
    [0, SEEN.length],
  )
  assert.deepEqual(sniffer.take(), [])
})
