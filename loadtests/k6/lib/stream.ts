import { check } from 'k6'
import http from 'k6/http'
import { Counter, Rate, Trend } from 'k6/metrics'
import { clearTimeout, setTimeout } from 'k6/timers'
import { WebSocket } from 'k6/websockets'
import { target } from './target.ts'

/** status/contract.ts has the shapes. */
interface Frame {
  type: string
  seq?: number
}

const SUBPROTOCOL = 'sluice.v1'

/** From the call until all that is known has come, in ms. */
const snapshotTime = new Trend('stream_snapshot_time', true)
const frames = new Counter('stream_frames')
/** A frame is missing: what the page shows would be wrong from then on. */
const gaps = new Counter('stream_gaps')
/** Of all sockets: hello, then a snapshot, and open until this side closed it. */
const whole = new Rate('stream_whole')

/** One socket on one of the nodes, as a dashboard opens it, for so many seconds. */
export function watchFor(seconds: number, node: string): void {
  const answer = http.post(`${node}/api/v1/stream-ticket`, null, { tags: { name: 'stream-ticket' } })
  if (!check(answer, { 'a ticket was issued': ({ status }) => status === 200 })) return
  const { ticket } = answer.json() as { ticket: string }
  const url = `${node.replace(/^http/, 'ws')}/api/v1/stream?ticket=${encodeURIComponent(ticket)}`
  const start = Date.now()
  // k6 takes a subprotocol here, though its types know of none.
  const socket = new WebSocket(url, SUBPROTOCOL as unknown as null)
  const reader = new Reader(start)
  let closing = false
  const timer = setTimeout(() => {
    closing = true
    socket.close()
  }, seconds * 1000)
  socket.onmessage = (event) => reader.read(JSON.parse(event!.data as string))
  socket.onclose = () => {
    clearTimeout(timer)
    whole.add(closing && reader.hasSnapshot)
  }
}

class Reader {
  readonly #start: number
  #hasHello = false
  #seq: number | null = null

  constructor(start: number) {
    this.#start = start
  }

  get hasSnapshot(): boolean {
    return this.#hasHello && this.#seq !== null
  }

  read({ type, seq }: Frame): void {
    frames.add(1)
    if (type === 'hello') this.#hasHello = true
    if (seq === undefined) return
    if (this.#seq === null) {
      if (type === 'snapshot') snapshotTime.add(Date.now() - this.#start)
      else gaps.add(1)
    } else if (seq !== this.#seq + 1 && type !== 'snapshot') gaps.add(1)
    this.#seq = seq
  }
}

/** The nodes take turns. */
export const nodeOf = (user: number): string => target.admin[user % target.admin.length]!
