import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { apis } from '#protocol/apis.ts'
import { freePort } from '#test/support/ports.ts'
import { sniff } from '#test/support/sniffer.ts'

/** What a meter has counted since the last look. */
export interface Counted {
  requests: number
  /** Produce requests within any 10 s, at most. */
  mostIn10s: number
  /** Open at a time, at most: connections that have carried a Produce request. */
  carriers: number
  /** Open at a time, at most: those that have not, or not yet. */
  others: number
}

const SPAN_MS = 10_000

/** A TCP proxy before a broker that counts what a fleet puts on it: Produce requests, and what carries them. */
export class ProduceMeter {
  readonly port: number
  /** Where it leads to, on this machine. */
  target = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #carriers = new Set<Socket>()
  #open = 0
  /** ms of the monotonic clock, of each Produce request. */
  #times: number[] = []
  /** So many of them were told of before. */
  #known = 0
  #mostCarriers = 0
  #mostOthers = 0

  static async start(): Promise<ProduceMeter> {
    const meter = new ProduceMeter(await freePort())
    meter.#server.listen(meter.port, '127.0.0.1')
    await once(meter.#server, 'listening')
    return meter
  }

  private constructor(port: number) {
    this.port = port
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#pass(socket))
  }

  /** What was counted since the last call; a span of 10 s may reach back beyond it. */
  take(): Counted {
    const now = performance.now()
    const times = this.#times
    const requests = times.length - this.#known
    const counted = {
      requests,
      mostIn10s: mostWithin(SPAN_MS, times),
      carriers: this.#mostCarriers,
      others: this.#mostOthers,
    }
    this.#times = times.filter((time) => now - time < SPAN_MS)
    this.#known = this.#times.length
    this.#mostCarriers = 0
    this.#mostOthers = 0
    this.#look()
    return counted
  }

  /** Counts anew: what came before is in no span. */
  forget(): void {
    this.take()
    this.#times = []
    this.#known = 0
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #look(): void {
    this.#mostCarriers = Math.max(this.#mostCarriers, this.#carriers.size)
    this.#mostOthers = Math.max(this.#mostOthers, this.#open - this.#carriers.size)
  }

  #pass(client: Socket): void {
    const broker = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#open++
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      socket.unref()
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    // A connection is over for the gateway when it says so.
    let gone = false
    const leave = () => {
      if (gone) return
      gone = true
      this.#open--
      this.#carriers.delete(client)
      this.#look()
    }
    client.on('end', leave).on('close', leave)
    const onChunk = sniff(({ apiKey }) => {
      if (apiKey !== apis.produce.key) return
      this.#times.push(performance.now())
      if (!gone) this.#carriers.add(client)
      this.#look()
    })
    this.#look()
    client.on('data', onChunk)
    client.pipe(broker)
    broker.pipe(client)
  }
}

/** @param times ascending */
function mostWithin(spanMs: number, times: readonly number[]): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! >= spanMs) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
