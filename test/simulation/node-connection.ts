import type { Holder } from '#batcher/admission.ts'
import { Batch, type Timing } from '#batcher/batch.ts'
import type { Client } from '#batcher/client.ts'
import { deadlineOf } from '#batcher/limits.ts'
import type { Frame } from '#test/simulation/client.ts'
import type { Copy } from '#test/simulation/copies.ts'
import type { Link } from '#test/simulation/links.ts'
import type { SimNode } from '#test/simulation/node.ts'

/** What the client's end of the connection hears. */
export interface ClientEnd {
  answer(frame: Frame, results: readonly { errorCode: number; baseOffset: number }[]): void
  hasRead(frame: Frame): void
}

interface Request {
  readonly frame: Frame
  pending: number
  done: boolean
}

const INVALID_RECORD = 87
const CORRUPT_MESSAGE = 2

/**
 * A client connection as a node sees it: reads as far as it may, hands batches to the engine, and answers in
 * the order of the requests. What gateway/connection.ts does with sockets.
 */
export class NodeConnection implements Holder {
  client: ClientEnd = { answer: () => {}, hasRead: () => {} }
  reserved = 0
  unfinished = 0
  readonly unfinishedSince = 0
  closed = false
  readonly link: Link
  readonly engineClient: Client
  /** Batches of each pair, in the order of reading. */
  readonly copies: Copy[] = []
  readonly #node: SimNode
  readonly #unread: Frame[] = []
  readonly #order: Request[] = []
  #paused = false
  #pausedSince = -1
  #reading = false

  constructor(node: SimNode, link: Link) {
    this.#node = node
    this.link = link
    this.engineClient = node.engine.attach()
  }

  /** A frame has come over the network. */
  receive(frame: Frame): void {
    this.#node.whenAwake(() => {
      if (this.closed) return
      this.#unread.push(frame)
      this.#read()
    })
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#pausedSince = this.#node.world.now
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    // A socket resumes in a later turn; the engine must not be called from inside an answer.
    this.#node.world.after(0, () => this.#node.whenAwake(() => this.#read()))
  }

  /** Frames come whole here, and none is large. */
  evict(): void {
    this.#node.world.fail('admission', 'a connection without an unfinished frame was evicted')
  }

  permit(): void {
    this.#node.world.fail('admission', 'a connection got a permit that it did not ask for')
  }

  onClosed(): void {
    this.#node.whenAwake(() => this.close())
  }

  /** Ends it at once: what was not read is lost, what was not sent is dropped. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.#unread.length = 0
    this.link.closeFrom(1, 0)
    this.#node.onConnectionClosed(this)
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────

  #read(): void {
    if (this.#reading) return
    this.#reading = true
    while (!this.#paused && !this.closed && this.#order.length < this.#node.plan.pipelined) {
      const frame = this.#unread.shift()
      if (!frame) break
      this.#take(frame)
    }
    this.#reading = false
    if (this.#unread.length > 0 && this.#pausedSince < 0) this.#pausedSince = this.#node.world.now
  }

  #take(frame: Frame): void {
    const { world, admission } = this.#node
    const { now } = world
    const firstByteAt = this.#pausedSince >= 0 ? this.#pausedSince : now
    this.#pausedSince = -1
    this.client.hasRead(frame)
    admission.reserve(this, frame.bytes)
    this.#node.checkLedger(frame.bytes)
    const times = { firstByteAt, wholeAt: now }
    const timing = {
      arrivedAt: firstByteAt,
      wholeAt: now,
      deadline: deadlineOf(times, frame.timeoutMs, this.#node.plan.maxAckWaitMs),
    }
    const request: Request = { frame, pending: 1, done: false }
    this.#order.push(request)
    for (const copy of frame.copies) this.#accept(request, copy, timing)
    this.#finishOne(request)
  }

  #accept(request: Request, copy: Copy, timing: Timing): void {
    const node = this.#node
    const refusal = this.#refusalOf()
    if (refusal !== 0 && !copy.idempotent) {
      copy.errorCode = refusal
      copy.answeredAt = node.world.now
      return
    }
    const { log } = copy.out.pair
    const partition = node.engine.partition(log.topic, log.index)
    const batch = new Batch(this.engineClient, partition, copy.acks, copy.bytes, timing, copy)
    batch.refusal = refusal
    copy.refusal = refusal
    copy.batch = batch
    copy.acceptedAt = node.world.now
    copy.onAnswered = () => {
      node.checks.onAnswered(this, copy)
      this.#finishOne(request)
    }
    request.pending++
    this.copies.push(copy)
    node.checks.onAccept(this, copy)
    node.engine.accept(batch)
    node.checks.afterAccept(this, copy)
  }

  /** Bits flip on the way, so that a node refuses what the client sent in order. */
  #refusalOf(): number {
    const { random } = this.#node.world
    if (!random.chance(this.#node.plan.corruption)) return 0
    return random.chance(0.7) ? CORRUPT_MESSAGE : INVALID_RECORD
  }

  // ── answering ───────────────────────────────────────────────────────────────────────────────────────

  #finishOne(request: Request): void {
    if (--request.pending > 0) return
    request.done = true
    const node = this.#node
    node.admission.release(this, request.frame.bytes)
    if (!this.closed) node.world.after(0, () => node.whenAwake(() => this.#flush()))
  }

  #flush(): void {
    if (this.closed) return
    while (this.#order[0]?.done) {
      const { frame } = this.#order.shift()!
      const failed = frame.copies.some(({ errorCode }) => errorCode !== 0)
      if (frame.acks === 0) {
        if (!failed) continue
        this.#node.world.tell(
          `${this.#node.name} closes client ${frame.copies[0]!.out.pair.client}: acks=0 failed`,
        )
        return this.close()
      }
      this.client.answer(
        frame,
        frame.copies.map(({ errorCode, baseOffset }) => ({ errorCode, baseOffset })),
      )
    }
    this.#read()
  }
}
