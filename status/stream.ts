import { randomUUID } from 'node:crypto'
import type { WebSocket } from '@fastify/websocket'
import { readClientFrame } from '#status/client-frames.ts'
import { CLOSE_CODES, STREAM_PROTOCOL, type State, type StatusEvent } from '#status/contract.ts'
import { eventsBetween } from '#status/events.ts'
import { Feed, type Subscription } from '#status/feed.ts'
import { TickTexts } from '#status/frames.ts'
import { Recorder, SERIES } from '#status/history.ts'
import { type CloseCode, StreamClient } from '#status/stream-client.ts'
import type { StreamLedger } from '#status/stream-ledger.ts'

/** Each may hold 256 KiB of frames and a snapshot: some 100 MiB in all when none of them reads. */
export const MAX_CLIENTS = 256
const MAX_EVENTS = 200
const TICK_MS = 1000
const ENDING_MS = 1000

const FIRST: Subscription = { topics: [], clients: [], seconds: 1 }

/**
 * The live stream, seen from the server: its sockets, what each wants to see, and what they get once a second.
 * While nobody is connected only the history and the events are kept.
 */
export class StreamHub {
  readonly #node: string
  readonly #now: () => number
  readonly #epoch = randomUUID()
  readonly #recorder = new Recorder()
  #events: StatusEvent[] = []
  #state: State | null = null
  #texts: TickTexts | null = null
  readonly #clients = new Map<StreamClient, Feed>()
  readonly #feeds = new Map<string, Feed>()
  /** Those that are being closed among them. */
  readonly #sockets = new Set<WebSocket>()
  /** Of sockets that are gone. */
  #framesSkipped = 0
  readonly #closes: Record<string, number> = {}

  /** @param now a clock in ms that is never set back */
  constructor(node: string, now: () => number = () => performance.now()) {
    this.#node = node
    this.#now = now
  }

  /** What somebody has asked for by name: to be in the next state beside the top ones. */
  get named(): { topics: string[]; clients: string[] } {
    const topics = new Set<string>()
    const clients = new Set<string>()
    for (const { subscription } of this.#feeds.values()) {
      for (const name of subscription.topics || []) topics.add(name)
      for (const id of subscription.clients || []) clients.add(id)
    }
    return { topics: [...topics], clients: [...clients] }
  }

  get ledger(): StreamLedger {
    let bufferedBytes = 0
    for (const { bufferedAmount } of this.#sockets) bufferedBytes += bufferedAmount
    let framesSkipped = this.#framesSkipped
    for (const client of this.#clients.keys()) framesSkipped += client.framesSkipped
    return { clients: this.#sockets.size, bufferedBytes, framesSkipped, closes: { ...this.#closes } }
  }

  /** Once a second. @param state must stay as it is from now on */
  tick(state: State): void {
    const events = this.#state ? eventsBetween(this.#state, state) : []
    this.#events = [...this.#events, ...events].slice(-MAX_EVENTS)
    this.#recorder.add(state)
    this.#state = state
    const { topics: _, clients: __, ...common } = state
    this.#texts = new TickTexts(common, () => this.#recorder.history(), this.#events)
    for (const client of this.#clients.keys()) {
      const code = client.check()
      if (code !== null) this.#close(client, code)
    }
    for (const feed of this.#feeds.values()) feed.tick(state, this.#texts, events)
  }

  /** Greets a socket whose owner may see the status. */
  accept(socket: WebSocket): void {
    if (this.#clients.size >= MAX_CLIENTS) return this.refuse(socket, 1013)
    this.#follow(socket)
    const client = new StreamClient(socket, this.#now)
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#close(client, 1008)
      else this.#answer(client, String(data))
    })
    socket.on('close', () => this.#leave(client))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The socket is being closed by ws then, with 1009.
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#count(1009)
      this.#leave(client)
    })
    client.say({
      type: 'hello',
      protocol: STREAM_PROTOCOL,
      epoch: this.#epoch,
      node: this.#node,
      interval_ms: TICK_MS,
      series: SERIES,
    })
    this.#join(client, FIRST)
  }

  /** Closes a socket before anything was said. */
  refuse(socket: WebSocket, code: CloseCode): void {
    this.#follow(socket)
    this.#end(socket, code)
  }

  /** The node ends, and waits only so long for those who do not answer. */
  close(): void {
    for (const client of this.#clients.keys()) this.#close(client, 1001)
    setTimeout(() => {
      for (const socket of this.#sockets) socket.terminate()
    }, ENDING_MS).unref()
  }

  #follow(socket: WebSocket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #answer(client: StreamClient, text: string): void {
    if (!this.#clients.has(client)) return
    try {
      const frame = readClientFrame(text)
      if (frame.type === 'ping') return client.say({ type: 'pong' })
      const { subscription: old } = this.#clients.get(client)!
      const { topics = old.topics, clients = old.clients, interval_ms } = frame
      const seconds = interval_ms === undefined ? old.seconds : Math.ceil(interval_ms / TICK_MS)
      this.#join(client, { topics: sorted(topics), clients: sorted(clients), seconds })
    } catch (error) {
      client.say({ type: 'error', text: (error as Error).message })
    }
  }

  #join(client: StreamClient, subscription: Subscription): void {
    this.#part(client)
    const key = JSON.stringify(subscription)
    const feed = this.#feeds.get(key) ?? new Feed(subscription)
    this.#feeds.set(key, feed)
    this.#clients.set(client, feed)
    feed.join(client, this.#state, this.#texts)
  }

  /** A feed that nobody follows is not made any more. */
  #part(client: StreamClient): void {
    const feed = this.#clients.get(client)
    feed?.clients.delete(client)
    if (feed?.clients.size === 0) this.#feeds.delete(JSON.stringify(feed.subscription))
  }

  #leave(client: StreamClient): void {
    if (!this.#clients.has(client)) return
    this.#part(client)
    this.#clients.delete(client)
    this.#framesSkipped += client.framesSkipped
  }

  #close(client: StreamClient, code: CloseCode): void {
    this.#leave(client)
    this.#end(client.socket, code)
  }

  #end(socket: WebSocket, code: CloseCode): void {
    this.#count(code)
    socket.close(code, CLOSE_CODES[code])
  }

  #count(code: CloseCode): void {
    this.#closes[code] = (this.#closes[code] ?? 0) + 1
  }
}

/** Who asks for the same in another order wants the same. */
function sorted(names: readonly string[] | false): readonly string[] | false {
  return names && [...new Set(names)].sort()
}
