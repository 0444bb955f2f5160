import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { apis } from '#protocol/apis.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { readProduceRequest } from '#protocol/produce-wire.ts'
import { Reader } from '#protocol/reader.ts'
import { freePort } from '#test/support/ports.ts'

/**
 * A TCP proxy that can be made to behave as badly as a network does: before a broker (which must advertise
 * the proxy's port: see `doors` in kafka.ts) or before a gateway.
 *
 *     const proxy = await FaultProxy.start()
 *     proxy.target = broker.port
 *     proxy.answers.swallows = true     // what is asked arrives, the answers do not
 *     proxy.cut()                       // RST for all connections
 *     proxy.heal()
 */
export interface Wire {
  /** Each chunk arrives so many ms later. */
  delayMs: number
  /** Infinity: no limit. */
  bytesPerSecond: number
  /** Nothing is read or written; the connections stay open, TCP pushes back. */
  isStalled: boolean
  /** What comes is thrown away. The connections are out of step from then on, as if bytes had been lost. */
  swallows: boolean
}

const wire = (): Wire => ({ delayMs: 0, bytesPerSecond: Infinity, isStalled: false, swallows: false })

/** Held back for later, at most, before the sender is left waiting. */
const HELD_BYTES = 256 * 1024
const MAX_FRAME_BYTES = 100 * 1024 * 1024
/** A batch's CRC, and what it covers, begin here. */
const CRC_AT = 17

export class FaultProxy {
  readonly port: number
  /** Where it leads to, on this machine. */
  target = 0
  /** Towards the target. */
  readonly requests = wire()
  /** Back from the target. */
  readonly answers = wire()
  /** New connections are accepted, and nothing is forwarded on them nor on the old ones. */
  isBlackHole = false
  /** One bit in so many bytes of batches on their way to the target is flipped, within what the CRC covers. */
  bytesPerFlip = Infinity
  /** Accepted so far. */
  accepted = 0
  flips = 0
  /** Decides which bit; may be replaced, so that a run can be repeated. */
  random: () => number = Math.random
  readonly #server: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  readonly #lost = new Set<Socket>()
  readonly #sockets = new Set<Socket>()

  /** @param port to listen on; left out: a free one */
  static async start(port?: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(port ?? (await freePort()))
    proxy.#server.listen(proxy.port, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  private constructor(port: number) {
    this.port = port
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#pairs.size
  }

  /** Resets every connection, with whatever is on its way. */
  cut(): void {
    for (const sockets of this.#pairs) for (const socket of sockets) reset(socket)
    for (const socket of this.#lost) reset(socket)
  }

  /** Ends all faults. Connections that were made into the black hole are reset. */
  heal(): void {
    Object.assign(this.requests, wire())
    Object.assign(this.answers, wire())
    this.isBlackHole = false
    this.bytesPerFlip = Infinity
    for (const socket of this.#lost) reset(socket)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    // A reset waits for what is still to be written, which a paused peer never reads.
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** A proxy does not keep its process alive. */
  #keep(socket: Socket): void {
    socket.unref()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #accept(client: Socket): void {
    this.accepted++
    this.#keep(client)
    if (this.isBlackHole) {
      this.#lost.add(client)
      client.on('error', () => {})
      client.on('close', () => this.#lost.delete(client))
      return
    }
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#keep(server)
    const pair: [Socket, Socket] = [client, server]
    this.#pairs.add(pair)
    const over = (): void => {
      this.#pairs.delete(pair)
      for (const socket of pair) if (!socket.destroyed) reset(socket)
    }
    for (const socket of pair) {
      socket.on('error', over)
      socket.on('close', over)
    }
    const holds = (): boolean => this.isBlackHole
    new Direction(client, server, this.requests, holds, new Flipper(this))
    new Direction(server, client, this.answers, holds, null)
  }
}

/**
 * RST. Not while a FIN is being sent: libuv refuses that, and the socket's handle then never closes, for which
 * Node waits at the end of the process, for ever and busily.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** One half of a connection. Bytes keep their order whatever happens to them. */
class Direction {
  readonly #from: Socket
  readonly #to: Socket
  readonly #wire: Wire
  readonly #holds: () => boolean
  readonly #queue: { bytes: Buffer; due: number }[] = []
  #held = 0
  #lastDue = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null

  constructor(from: Socket, to: Socket, wire: Wire, holds: () => boolean, flipper: Flipper | null) {
    this.#from = from
    this.#to = to
    this.#wire = wire
    this.#holds = holds
    from.on('data', (chunk: Buffer) => {
      if (wire.swallows) return
      for (const bytes of flipper ? flipper.pass(chunk) : [chunk]) this.#take(bytes)
      this.#move()
    })
    from.on('end', () => {
      this.#ended = true
      this.#move()
    })
    to.on('drain', () => this.#move())
  }

  #take(bytes: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#wire
    const now = performance.now()
    const sent = Math.max(now, this.#lastDue - delayMs) + (bytes.length / bytesPerSecond) * 1000
    this.#lastDue = Math.max(this.#lastDue, sent + delayMs)
    this.#queue.push({ bytes, due: this.#lastDue })
    this.#held += bytes.length
  }

  #move(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#from.destroyed && this.#to.destroyed) return
    const now = performance.now()
    while (this.#queue.length > 0 && !this.#isStopped() && this.#queue[0]!.due <= now) {
      const { bytes } = this.#queue.shift()!
      this.#held -= bytes.length
      this.#to.write(bytes)
    }
    this.#regulate()
    if (this.#queue.length > 0 || this.#from.isPaused()) {
      const wait = this.#queue.length > 0 ? this.#queue[0]!.due - now : 0
      this.#timer = setTimeout(() => this.#move(), Math.max(5, Math.min(wait, 50))).unref()
    } else if (this.#ended && !this.#isStopped()) this.#to.end()
  }

  #isStopped(): boolean {
    return this.#wire.isStalled || this.#holds() || this.#to.writableNeedDrain
  }

  #regulate(): void {
    const full = this.#held > HELD_BYTES || this.#isStopped()
    if (full && !this.#from.isPaused()) this.#from.pause()
    else if (!full && this.#from.isPaused()) this.#from.resume()
  }
}

/** Damages batches, and leaves everything around them as it is. */
class Flipper {
  readonly #proxy: FaultProxy
  readonly #splitter = new FrameSplitter(MAX_FRAME_BYTES)
  /** The stream is no longer followed: bytes of it were swallowed, or it is not Kafka's. */
  #isLost = false

  constructor(proxy: FaultProxy) {
    this.#proxy = proxy
  }

  pass(chunk: Buffer): Buffer[] {
    if (this.#isLost) return [chunk]
    this.#splitter.push(chunk)
    const passed: Buffer[] = []
    try {
      for (let frame = this.#splitter.next(); frame; frame = this.#splitter.next()) {
        this.#damage(frame)
        const prefix = Buffer.alloc(4)
        prefix.writeInt32BE(frame.length)
        passed.push(prefix, frame)
      }
    } catch {
      this.#isLost = true
      passed.push(this.#splitter.peekAll())
      this.#splitter.clear()
    }
    return passed
  }

  /** A frame is a view on bytes that nobody else holds, and so are the batches in it. */
  #damage(frame: Buffer): void {
    const { bytesPerFlip, random } = this.#proxy
    if (bytesPerFlip === Infinity || frame.readInt16BE(0) !== apis.produce.key) return
    const reader = new Reader(frame)
    const { apiVersion } = readRequestHeader(reader)
    finishRequestHeader(reader, apis.produce, apiVersion)
    for (const { partitions } of readProduceRequest(reader, apiVersion).topics) {
      for (const { records } of partitions) {
        if (!records || records.length <= CRC_AT || random() >= records.length / bytesPerFlip) continue
        const at = CRC_AT + Math.floor(random() * (records.length - CRC_AT))
        records[at]! ^= 1 << Math.floor(random() * 8)
        this.#proxy.flips++
      }
    }
  }
}
