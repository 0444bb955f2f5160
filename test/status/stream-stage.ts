import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import type { ClientFrame, ServerFrame, State } from '#status/contract.ts'
import { StreamHub } from '#status/stream.ts'
import { apply, type Json } from '#test/status/json.ts'

export const PATIENCE_MS = 120_000

/** Waits for what must come, however busy the machine is. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!holds()) {
    assert.ok(performance.now() < end, `waited for: ${what}`)
    await pause(5)
  }
}

/**
 * A hub behind real sockets, with a clock that only the test moves.
 *
 * @param closeTimeout ms that a socket which is being closed has for what is on its way
 */
export async function openStage(context: TestContext, closeTimeout = 5000) {
  const clock = { now: 1000 }
  const hub = new StreamHub('gw-1', () => clock.now)
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    maxPayload: 16 * 1024,
    closeTimeout,
  } as object)
  server.on('connection', (socket) => hub.accept(socket))
  await once(server, 'listening')
  const readers: Reader[] = []
  context.after(async () => {
    hub.close()
    for (const { socket } of readers) socket.terminate()
    for (const socket of server.clients) socket.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  const dial = () => {
    const reader = new Reader((server.address() as AddressInfo).port)
    readers.push(reader)
    return reader
  }
  /** One that reads nothing from the beginning. */
  const connectPaused = async () => {
    const reader = dial()
    await once(reader.socket, 'open')
    reader.socket.pause()
    return reader
  }
  const connect = async () => {
    const reader = dial()
    await once(reader.socket, 'message')
    return reader
  }
  /** A second passes. */
  const tick = (state: State) => {
    clock.now += 1000
    hub.tick(state)
  }
  return { hub, server, connect, connectPaused, tick }
}

/** A client of the stream that keeps what it hears, and puts the state together as the contract says. */
export class Reader {
  readonly socket: WebSocket
  readonly frames: ServerFrame[] = []
  /** That it has by now. */
  state: Json | undefined
  closed: { code: number; reason: string } | null = null
  readonly #pongs: (() => void)[] = []
  #seq = 0

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}`, 'sluice.v1')
    this.socket.on('message', (data) => this.#hear(JSON.parse(String(data))))
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }))
    this.socket.on('error', () => {})
  }

  #hear(frame: ServerFrame): void {
    this.frames.push(frame)
    if (frame.type === 'pong') this.#pongs.shift()?.()
    if (!('seq' in frame)) return
    if (frame.type === 'snapshot') this.state = frame.state as unknown as Json
    else assert.equal(frame.seq, this.#seq + 1, 'a frame is missing')
    if (frame.type === 'delta') this.state = apply(this.state, frame.state as Json)
    this.#seq = frame.seq
  }

  send(frame: ClientFrame | object): void {
    this.socket.send(JSON.stringify(frame))
  }

  of<T extends ServerFrame['type']>(type: T): Extract<ServerFrame, { type: T }>[] {
    return this.frames.filter((frame) => frame.type === type) as Extract<ServerFrame, { type: T }>[]
  }

  /** Whatever was sent to it so far has arrived. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#pongs.push(resolve)
      this.send({ type: 'ping' })
    })
  }
}
