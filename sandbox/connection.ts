import type { Socket } from 'node:net'
import { FrameSplitter } from '#protocol/framing.ts'
import { ProtocolError } from '#protocol/reader.ts'
import type { Broker } from '#sandbox/broker.ts'
import { serve } from '#sandbox/dispatch.ts'

/**
 * One connection of a client to a broker. Like a broker it works on one request at a time, so answers leave
 * in the order of the requests, and a slow one holds up all behind it.
 *
 *     reading <--> working ---> muted ---> reading       (muted: throttled, KIP-219)
 *                     `-------> hung                     (never answers again)
 *     any ---> closed
 */
export type ConnectionState = 'reading' | 'working' | 'muted' | 'hung' | 'closed'

/** socket.request.max.bytes */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024
/** What is read ahead of the request at work, before the client is left waiting in its socket. */
const READ_AHEAD_BYTES = 1024 * 1024

export class Connection {
  readonly broker: Broker
  state: ConnectionState = 'reading'
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter(MAX_REQUEST_BYTES)
  /** What a stalled broker would have done by now. */
  readonly #held: (() => void)[] = []
  #pumping = false

  constructor(broker: Broker, socket: Socket) {
    this.broker = broker
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      // Thrown away rather than left unread, so that the end of the connection is noticed.
      if (this.state === 'hung') return
      this.#splitter.push(chunk)
      this.#pump()
    })
    socket.on('error', () => this.close())
    socket.on('close', () => this.close())
    if (broker.isStalled) socket.pause()
  }

  /** Ends the request at work. @param frame its answer, null for none @param muteMs silence after it */
  finish(frame: Buffer | null, muteMs = 0): void {
    if (this.state !== 'working') return
    if (this.broker.isStalled) {
      this.#held.push(() => this.finish(frame, muteMs))
      return
    }
    if (frame) this.#socket.write(frame)
    if (muteMs === 0) return this.#readOn()
    this.state = 'muted'
    setTimeout(() => this.state === 'muted' && this.#readOn(), muteMs).unref()
  }

  /** The request at work is never answered, nor any behind it. */
  hang(): void {
    if (this.state !== 'working') return
    this.state = 'hung'
    this.#splitter.clear()
  }

  close(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#socket.destroy()
    this.#splitter.clear()
    this.broker.forget(this)
  }

  /** Closes with RST, as the kernel does for a process that was killed. */
  reset(): void {
    this.#socket.resetAndDestroy()
    this.close()
  }

  stall(): void {
    this.#socket.pause()
  }

  unstall(): void {
    for (const action of this.#held.splice(0)) action()
    if (this.state === 'closed' || this.state === 'hung') return
    this.#socket.resume()
    this.#pump()
  }

  #readOn(): void {
    this.state = 'reading'
    this.#pump()
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.state === 'reading' && !this.broker.isStalled) {
        const frame = this.#splitter.next()
        if (!frame) break
        this.state = 'working'
        serve(this, frame)
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close()
    } finally {
      this.#pumping = false
    }
    this.#regulate()
  }

  /** Reads only as far ahead as a broker's socket buffers would let a client write. */
  #regulate(): void {
    if (this.broker.isStalled || this.state === 'closed' || this.state === 'hung') return
    const full = this.state !== 'reading' && this.#splitter.held > READ_AHEAD_BYTES
    if (full === this.#socket.isPaused()) return
    if (full) this.#socket.pause()
    else this.#socket.resume()
  }
}
