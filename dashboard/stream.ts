import { CLOSE_CODES, STREAM_PROTOCOL, SUBPROTOCOL } from '#dashboard/contract-values.ts'
import type { ClientFrame, Delta, EventFrame, Hello, ServerFrame, Snapshot } from '#status/contract.ts'

/** Where the connection stands. */
export type Connection =
  | { kind: 'connecting' }
  | { kind: 'live' }
  /** Tries again at `until`, in ms since 1970. */
  | { kind: 'waiting'; until: number; why: string }
  /** The node wants its admin token; `refused`: it did not like the one it got. */
  | { kind: 'locked'; refused: boolean }
  /** Nobody looks. */
  | { kind: 'asleep' }
  /** Trying again would not help. */
  | { kind: 'stopped'; why: string }

export interface Listener {
  connection(now: Connection): void
  snapshot(hello: Hello, frame: Snapshot): void
  delta(frame: Delta): void
  event(frame: EventFrame): void
}

/** A stream that is silent for so long is taken for dead. */
const SILENCE_MS = 15_000
const FIRST_DELAY_MS = 1000
const LAST_DELAY_MS = 30_000
const TICKET_TIMEOUT_MS = 10_000

/** Before the next attempt: doubled each time, and any part from half of it to all of it. */
export function backOff(attempt: number, random: number): number {
  const longest = Math.min(FIRST_DELAY_MS * 2 ** attempt, LAST_DELAY_MS)
  return Math.max(FIRST_DELAY_MS, longest * (0.5 + random / 2))
}

/** Keeps one connection to the node's stream, and begins anew whenever a frame is missing. */
export class Stream {
  readonly #base: string
  readonly #listener: Listener
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setInterval> | undefined
  /** Counts connections, so that what belongs to an earlier one is known as such. */
  #round = 0
  #attempt = 0
  #hello: Hello | null = null
  #seq: number | null = null
  #heardAt = 0
  #token = ''
  #wanted: { topics: readonly string[]; clients: readonly string[] } = { topics: [], clients: [] }

  /** @param base the folder of the page, as a URL */
  constructor(base: string, listener: Listener) {
    this.#base = base
    this.#listener = listener
  }

  /** Connects at once, whatever it was doing. */
  async connect(): Promise<void> {
    this.#letGo()
    const round = this.#round
    this.#listener.connection({ kind: 'connecting' })
    const answer = await this.#askForTicket()
    if (round !== this.#round) return
    if ('locked' in answer) this.#listener.connection({ kind: 'locked', refused: this.#token !== '' })
    else if ('why' in answer) this.#lose(answer.why)
    else this.#open(answer.ticket)
  }

  /** For 'waiting' and 'asleep' connections; any other goes on as it is. */
  wake(): void {
    if (!this.#socket) void this.connect()
  }

  sleep(): void {
    this.#letGo()
    this.#listener.connection({ kind: 'asleep' })
  }

  /** @param token the node's admin token, kept here alone */
  unlock(token: string): void {
    this.#token = token
    void this.connect()
  }

  /** What is wanted beside the top ones. */
  want(topics: readonly string[], clients: readonly string[]): void {
    this.#wanted = { topics, clients }
    if (this.#socket?.readyState === WebSocket.OPEN) this.#sendWanted()
  }

  async #askForTicket(): Promise<{ ticket: string } | { why: string } | { locked: true }> {
    try {
      const answer = await fetch(new URL('api/v1/stream-ticket', this.#base), {
        method: 'POST',
        headers: this.#token ? { authorization: `Bearer ${this.#token}` } : {},
        signal: AbortSignal.timeout(TICKET_TIMEOUT_MS),
      })
      if (answer.status === 401) return { locked: true }
      if (!answer.ok) return { why: `the node answers ${answer.status} when asked for a ticket` }
      return (await answer.json()) as { ticket: string }
    } catch {
      return { why: 'the node does not answer' }
    }
  }

  #open(ticket: string): void {
    const url = new URL(`api/v1/stream?ticket=${encodeURIComponent(ticket)}`, this.#base)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url, SUBPROTOCOL)
    this.#socket = socket
    this.#heardAt = Date.now()
    const isOurs = () => socket === this.#socket
    socket.onopen = () => {
      if (isOurs() && this.#wanted.topics.length + this.#wanted.clients.length > 0) this.#sendWanted()
    }
    socket.onmessage = ({ data }) => {
      if (isOurs()) this.#hear(JSON.parse(String(data)) as ServerFrame)
    }
    socket.onclose = ({ code, reason }) => {
      if (isOurs()) this.#lose(CLOSE_CODES[code] ?? (reason || 'the connection was lost'))
    }
    this.#silence = setInterval(() => {
      const silent = Date.now() - this.#heardAt
      if (silent > SILENCE_MS) this.#lose(`nothing was heard for ${Math.round(silent / 1000)} s`)
    }, 1000)
  }

  #hear(frame: ServerFrame): void {
    this.#heardAt = Date.now()
    if (frame.type === 'hello') this.#greet(frame)
    else if (frame.type === 'snapshot') this.#start(frame)
    else if (frame.type === 'delta' || frame.type === 'event') this.#follow(frame)
  }

  #greet(hello: Hello): void {
    if (hello.protocol !== STREAM_PROTOCOL) {
      this.#letGo()
      const why = `the node speaks version ${hello.protocol} of the stream, this page ${STREAM_PROTOCOL}`
      this.#listener.connection({ kind: 'stopped', why: `${why}. Load the page again.` })
    } else if (this.#hello && this.#hello.epoch !== hello.epoch) void this.connect()
    else this.#hello = hello
  }

  #start(frame: Snapshot): void {
    if (!this.#hello) return
    this.#seq = frame.seq
    this.#attempt = 0
    this.#listener.snapshot(this.#hello, frame)
    this.#listener.connection({ kind: 'live' })
  }

  #follow(frame: Delta | EventFrame): void {
    if (this.#seq === null) return
    if (frame.seq !== this.#seq + 1) {
      void this.connect()
      return
    }
    this.#seq = frame.seq
    if (frame.type === 'delta') this.#listener.delta(frame)
    else this.#listener.event(frame)
  }

  #sendWanted(): void {
    const frame: ClientFrame = {
      type: 'subscribe',
      topics: [...this.#wanted.topics],
      clients: [...this.#wanted.clients],
    }
    this.#socket?.send(JSON.stringify(frame))
  }

  #lose(why: string): void {
    this.#letGo()
    const delay = backOff(this.#attempt++, Math.random())
    this.#timer = setTimeout(() => void this.connect(), delay)
    this.#listener.connection({ kind: 'waiting', until: Date.now() + delay, why })
  }

  #letGo(): void {
    this.#round++
    clearTimeout(this.#timer)
    clearInterval(this.#silence)
    const socket = this.#socket
    this.#socket = null
    this.#hello = null
    this.#seq = null
    socket?.close()
  }
}
