import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { Duplex } from 'node:stream'
import { parseArgs } from 'node:util'
import { type WebSocket, WebSocketServer } from 'ws'
import { figuresAt } from '#dashboard/history.ts'
import type { ClientFrame, History, ServerFrame, State, StatusEvent } from '#status/contract.ts'
import { SERIES } from '#status/history.ts'
import { mergePatch } from '#status/merge-patch.ts'
import { madeUpEvents, madeUpState, type Variant } from '#test/dashboard/fixture-state.ts'

/**
 * Serves the built page under a strict policy, and a stream of made-up figures. By hand:
 * `node test/dashboard/fixture-server.ts --port 9190 --variant redis-down`.
 */

export const POLICY =
  "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const DIST = join(import.meta.dirname, '../../dashboard/dist')
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const HISTORY_POINTS = 900

export interface FixtureOptions {
  variant?: Variant
  /** What the page must send to get a ticket. */
  token?: string
  /** Second of the story at which it stands still; left out: it goes on. */
  frozenAt?: number
  port?: number
  /** Between two deltas. */
  intervalMs?: number
}

export class FixtureServer {
  readonly #options: Required<Pick<FixtureOptions, 'variant' | 'intervalMs'>> & FixtureOptions
  readonly #began = Date.now()
  readonly #sockets = new Map<WebSocket, { seq: number; asked: string[]; sent: State }>()
  readonly #events: StatusEvent[]
  readonly #tickets = new Set<string>()
  #server: Server | null = null
  #timer: NodeJS.Timeout | undefined
  #epoch = ''
  #series: History['series'] | null = null
  #port: number
  /** How often a page has got a ticket. */
  ticketsGiven = 0
  /** Sends nothing while it is true, as a node that hangs. */
  silent = false

  constructor(options: FixtureOptions = {}) {
    this.#options = { variant: 'normal', intervalMs: 1000, ...options }
    this.#port = options.port ?? 0
    this.#events = madeUpEvents(Date.now(), this.#options.variant)
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** Listens; after `stop` at the same port, with another epoch. */
  async start(): Promise<void> {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'sluice.v1' })
    const server = createServer((request, response) => void this.#serve(request, response))
    server.on('upgrade', (request, socket, head) => this.#upgrade(sockets, request, socket, head))
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
    this.#epoch = randomUUID()
    this.#timer = setInterval(() => this.#tick(), this.#options.intervalMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const socket of this.#sockets.keys()) socket.terminate()
    this.#sockets.clear()
    const server = this.#server
    this.#server = null
    server?.closeAllConnections()
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  /** What the page should show just now. */
  state(asked: readonly string[] = []): State {
    const ts = Date.now()
    return madeUpState(ts, this.#second(ts), { variant: this.#options.variant, withLists: true, asked })
  }

  /** Tells all pages that something has happened. */
  happen(event: StatusEvent): void {
    this.#events.push(event)
    for (const [socket, page] of this.#sockets) {
      this.#send(socket, { type: 'event', seq: ++page.seq, ...event })
    }
  }

  /** Leaves a frame out: the next one is not what the pages expect. */
  skipFrame(): void {
    for (const page of this.#sockets.values()) page.seq++
  }

  #second(ts: number): number {
    return this.#options.frozenAt ?? (ts - this.#began) / 1000 + HISTORY_POINTS
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('content-security-policy', POLICY)
    const { pathname } = new URL(request.url!, this.url)
    if (pathname === '/api/v1/stream-ticket' && request.method === 'POST') {
      this.#giveTicket(request, response)
      return
    }
    const path = normalize(pathname === '/' ? '/index.html' : pathname)
    try {
      const body = await readFile(join(DIST, path))
      response
        .writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
        .end(body)
    } catch {
      response.writeHead(404).end()
    }
  }

  #giveTicket(request: IncomingMessage, response: ServerResponse): void {
    const { token } = this.#options
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end()
      return
    }
    const ticket = randomUUID()
    this.#tickets.add(ticket)
    this.ticketsGiven++
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ticket }))
  }

  #upgrade(sockets: WebSocketServer, request: IncomingMessage, stream: Duplex, head: Buffer): void {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const ticket = new URL(request.url!, this.url).searchParams.get('ticket') ?? ''
      if (!this.#tickets.delete(ticket)) {
        socket.close(4401)
        return
      }
      const page = { seq: 0, asked: [] as string[], sent: this.state() }
      this.#sockets.set(socket, page)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data)) as ClientFrame
        if (frame.type !== 'subscribe') return
        if (Array.isArray(frame.topics)) page.asked = frame.topics
        this.#sendSnapshot(socket, page)
      })
      this.#send(socket, {
        type: 'hello',
        protocol: 1,
        epoch: this.#epoch,
        node: 'gw-1',
        interval_ms: this.#options.intervalMs,
        series: SERIES,
      })
      this.#sendSnapshot(socket, page)
    })
  }

  #sendSnapshot(socket: WebSocket, page: { seq: number; asked: string[]; sent: State }): void {
    page.sent = this.state(page.asked)
    const history = this.#history(page.sent.ts)
    this.#send(socket, {
      type: 'snapshot',
      seq: ++page.seq,
      ts: page.sent.ts,
      // As the real stream does it: what is null is left out.
      state: mergePatch({}, page.sent) as State,
      history,
      events: this.#events,
    })
  }

  /** Made once: what it is of is a story anyway. */
  #history(ts: number): History {
    const from = ts - HISTORY_POINTS * 1000
    this.#series ??= this.#pastSeries(from)
    return { step_ms: 1000, from, series: this.#series }
  }

  #pastSeries(from: number): History['series'] {
    const series: Record<string, (number | null)[]> = {}
    const patterns = SERIES.map((pattern) => pattern.split('.'))
    const { variant, frozenAt } = this.#options
    for (let i = 0; i < HISTORY_POINTS; i++) {
      const at = from + i * 1000
      const second = frozenAt ?? this.#second(at)
      const state = madeUpState(at, second, { variant, withLists: false, asked: [] })
      for (const pattern of patterns) {
        for (const [path, value] of figuresAt(state, pattern)) {
          const isGone = path.startsWith('nodes.gw-3') && i > HISTORY_POINTS - 95
          series[path] ??= new Array<null>(HISTORY_POINTS).fill(null)
          series[path][i] = isGone ? null : Number(value.toPrecision(4))
        }
      }
    }
    return series
  }

  #tick(): void {
    if (this.silent) return
    for (const [socket, page] of this.#sockets) {
      const state = this.state(page.asked)
      const patch = mergePatch(page.sent, state)
      page.sent = state
      this.#send(socket, { type: 'delta', seq: ++page.seq, ts: state.ts, state: patch })
    }
  }

  #send(socket: WebSocket, frame: ServerFrame): void {
    socket.send(JSON.stringify(frame))
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9190' },
      variant: { type: 'string', default: 'normal' },
      token: { type: 'string' },
    },
  })
  const { port, variant, token } = values
  const server = new FixtureServer({ port: Number(port), variant: variant as Variant, token })
  await server.start()
  console.log(server.url)
}
