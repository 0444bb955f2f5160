import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * A TCP proxy that writes down what clients ask for: which API in which version, per connection. Clients
 * come through it when the gateway advertises its ports.
 */
export interface Door {
  /** Port for clients. */
  port: number
  /** Port behind it. */
  target: number
  name: string
}

export interface SniffedConnection {
  door: string
  /** In the order they came. */
  requests: SniffedRequest[]
}

export interface SniffedRequest {
  apiKey: number
  version: number
}

/** length int32 · api_key int16 · api_version int16: what is read of each request. */
const HEAD_BYTES = 8

export class Sniffer {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  #connections: SniffedConnection[] = []

  static async start(doors: Door[]): Promise<Sniffer> {
    const sniffer = new Sniffer()
    await Promise.all(doors.map((door) => sniffer.#open(door)))
    return sniffer
  }

  /** The connections opened since the last call. */
  take(): SniffedConnection[] {
    const taken = this.#connections
    this.#connections = []
    return taken
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  async #open(door: Door): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#pass(door, client))
    this.#servers.push(server)
    server.listen(door.port, '127.0.0.1')
    await once(server, 'listening')
  }

  #pass({ name, target }: Door, client: Socket): void {
    const sniffed: SniffedConnection = { door: name, requests: [] }
    this.#connections.push(sniffed)
    const gateway = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    for (const [socket, other] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.on(
      'data',
      sniff((request) => sniffed.requests.push(request)),
    )
    client.pipe(gateway)
    gateway.pipe(client)
  }
}

/** @returns what is to be called with each chunk of a connection */
export function sniff(onRequest: (request: SniffedRequest) => void): (chunk: Buffer) => void {
  const head = Buffer.alloc(HEAD_BYTES)
  let filled = 0
  let toSkip = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const skipped = Math.min(toSkip, chunk.length - at)
      at += skipped
      toSkip -= skipped
      const copied = chunk.copy(head, filled, at, at + HEAD_BYTES - filled)
      at += copied
      filled += copied
      if (filled < HEAD_BYTES) continue
      onRequest({ apiKey: head.readInt16BE(4), version: head.readInt16BE(6) })
      toSkip = 4 + head.readInt32BE(0) - HEAD_BYTES
      filled = 0
    }
  }
}
