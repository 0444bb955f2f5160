import type { WebSocket } from '@fastify/websocket'
import type { CLOSE_CODES, ServerFrame } from '#status/contract.ts'
import { type Frame, frameOf } from '#status/frames.ts'

export type CloseCode = keyof typeof CLOSE_CODES

/** With more than this waiting for it, a client gets no more deltas but, later, a snapshot. */
const SKIP_BYTES = 256 * 1024
/** With more than this it is closed. One frame alone would have to be this large. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
/** How long a client may be behind, in ms, beside the time that its snapshot takes at `MIN_RATE`. */
const MAX_BEHIND_MS = 30_000
/** Bytes per second that a client must be able to read: deltas alone are of this order. */
const MIN_RATE = 64 * 1024
/** A client that keeps asking for something else gets the rest of its snapshots with the next ticks. */
const SNAPSHOTS_PER_TICK = 2
const PING_MS = 20_000
const MAX_MISSED_PINGS = 2

/**
 * One socket of the stream and how far behind its reader is. A snapshot may be larger than everything that may
 * wait, so it does not count as long as it is on its way: what counts then is what was sent after it.
 */
export class StreamClient {
  readonly socket: WebSocket
  /** It is to get a snapshot as soon as it has taken what was sent before. */
  owed = false
  framesSkipped = 0
  readonly #now: () => number
  /** Size of the snapshot that is on its way; 0: none is. */
  #snapshotBytes = 0
  /** Sent after that snapshot. */
  #sentAfter = 0
  #behindSince: number | null = null
  #snapshotsInTick = 0
  #pingedAt: number
  #missedPings = 0

  /** @param now a clock in ms that is never set back */
  constructor(socket: WebSocket, now: () => number) {
    this.socket = socket
    this.#now = now
    this.#pingedAt = now()
    socket.on('pong', () => (this.#missedPings = 0))
  }

  /** What waits in this process, apart from a snapshot that is on its way. */
  get #waiting(): number {
    return this.#snapshotBytes > 0 ? this.#sentAfter : this.socket.bufferedAmount
  }

  /** Once a second, before anything is sent. @returns why it must be closed, if it must */
  check(): CloseCode | null {
    this.#snapshotsInTick = 0
    const now = this.#now()
    if (this.#behindSince !== null) {
      const patience = MAX_BEHIND_MS + (this.#snapshotBytes / MIN_RATE) * 1000
      if (now - this.#behindSince > patience) return 1013
    }
    if (this.#waiting > MAX_WAITING_BYTES) return 1013
    // A ping would wait behind what is on its way: that has a time limit of its own.
    if (now - this.#pingedAt >= PING_MS && this.socket.bufferedAmount === 0) this.#ping(now)
    return null
  }

  /** A peer that is gone without a word is not written to for ever. */
  #ping(now: number): void {
    if (this.#missedPings >= MAX_MISSED_PINGS) return this.socket.terminate()
    this.#missedPings++
    this.#pingedAt = now
    this.socket.ping()
  }

  owe(): void {
    this.owed = true
    this.#behindSince ??= this.#now()
  }

  /** The next frames of the feed; or, if one is owed and has room, the snapshot that holds them already. */
  follow(frames: readonly Frame[], snapshot: () => Frame): void {
    if (!this.owed && frames.length > 0 && this.#waiting > SKIP_BYTES) this.owe()
    if (!this.owed) {
      for (const frame of frames) this.#sendCounted(frame)
      return
    }
    this.framesSkipped += frames.length
    const isFree = this.#snapshotBytes === 0 && this.socket.bufferedAmount === 0
    if (isFree && this.#snapshotsInTick < SNAPSHOTS_PER_TICK) this.#sendSnapshot(snapshot())
  }

  #sendSnapshot(frame: Frame): void {
    this.owed = false
    this.#snapshotsInTick++
    this.#snapshotBytes = bytesOf(frame)
    this.#sentAfter = 0
    this.#send(frame, () => {
      this.#snapshotBytes = 0
      if (!this.owed) this.#behindSince = null
    })
  }

  /** A word that belongs to no feed: a greeting, or an answer. One that does not read does not get it. */
  say(frame: ServerFrame): void {
    if (this.#waiting <= SKIP_BYTES) this.#sendCounted(frameOf(frame))
  }

  #sendCounted(frame: Frame): void {
    this.#sentAfter += bytesOf(frame)
    this.#send(frame)
  }

  #send(frame: Frame, taken?: () => void): void {
    frame.forEach((piece, i) => {
      const fin = i === frame.length - 1
      this.socket.send(piece, { binary: false, fin }, fin ? taken : undefined)
    })
  }
}

function bytesOf(frame: Frame): number {
  return frame.reduce((sum, { length }) => sum + length, 0)
}
