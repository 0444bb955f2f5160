import type { Socket } from 'node:net'
import { type Holder, LARGE_FRAME } from '#batcher/admission.ts'
import { Answers } from '#gateway/answers.ts'
import { own, type SocketOwner } from '#gateway/client-socket.ts'
import type { ClientSlot } from '#gateway/client-table.ts'
import { CLOSE_REASONS, type CloseReason } from '#gateway/close-reasons.ts'
import { dispatch } from '#gateway/dispatch.ts'
import { EngineClients } from '#gateway/engine-clients.ts'
import { Pauses } from '#gateway/pauses.ts'
import { readProxyHeader } from '#gateway/proxy-protocol.ts'
import { isBorrowed, kept } from '#gateway/read-buffer.ts'
import type { Request } from '#gateway/request.ts'
import { heldBytes, leave } from '#gateway/slabs.ts'
import type { VirtualCluster } from '#gateway/virtual-brokers.ts'
import type { Worker } from '#gateway/worker.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { ProtocolError } from '#protocol/reader.ts'

/**
 * One client connection.
 *
 *     proxyHeader ---> serving ---> draining ---> finishing ---> closed
 *                 (authenticating: reserved)
 *
 * draining: reads on to the end of the frame under way, and takes no further one: what comes is thrown away.
 * finishing: everything read is answered and FIN is sent; what still comes is thrown away.
 */
export type ClientState = 'proxyHeader' | 'authenticating' | 'serving' | 'draining' | 'finishing' | 'closed'

/** Reserved for a frame as soon as its length is known; more only as its bytes come. */
const RESERVED_AT_ONCE = 64 * 1024
/** A connection is looked at so often while one of its limits runs. */
const LOOKS = 10
/** How long a client has to close its side after our FIN, in ms. */
const FINISH_MS = 2000
const PRODUCE = 0

export class ClientConnection implements Holder, SocketOwner {
  readonly worker: Worker
  readonly id: number
  /** The cluster that its listener shows. */
  readonly virtual: VirtualCluster
  /** Counted for its address. */
  counted = false
  /** The client's own address, from the PROXY header if there is one. */
  address: string
  state: ClientState
  reserved = 0
  unfinished = 0
  /** client.id, as the client last told. */
  clientId: string | null = null
  /** What this client has sent; none before it has said who it is. */
  slot: ClientSlot | null = null
  readonly openedAt: number
  /** When draining begins because of limits.connectionMaxAge. */
  readonly drainAt: number
  lastHeardAt: number
  /** When it is looked at whether something takes too long, in ms. */
  lookAt = 0
  requests = 0
  readonly #socket: Socket
  readonly #splitter: FrameSplitter
  readonly answers: Answers
  /** What it is to the engines. */
  readonly clients = new EngineClients()
  readonly #pauses: Pauses
  /** Bytes of requests read and not answered. */
  #unansweredBytes = 0
  #frameReserved = 0
  #frameBeganAt = -1
  /** From when limits.frameTimeout runs: the frame's first byte, or the end of a pause since. */
  #frameTimedFrom = 0
  #resumedAt = 0
  #permit: 'none' | 'waiting' | 'held' = 'none'
  #ended = false
  #processing = false
  #flushScheduled = false
  #finishBy = Number.POSITIVE_INFINITY
  /** While draining: the frame that was under way has not ended. */
  #frameToCome = false
  #drainReason: CloseReason = 'drain'
  /** Why it is closed when everything read is answered. */
  #refusal: { reason: CloseReason; detail: string } | null = null

  constructor(worker: Worker, id: number, socket: Socket, virtual: VirtualCluster, proxied: boolean) {
    this.virtual = virtual
    this.worker = worker
    this.id = id
    this.#socket = socket
    this.address = socket.remoteAddress ?? ''
    this.state = proxied ? 'proxyHeader' : 'serving'
    this.openedAt = performance.now()
    this.lastHeardAt = this.openedAt
    this.drainAt = this.openedAt + worker.limits.connectionMaxAge * (0.9 + Math.random() * 0.2)
    this.#splitter = new FrameSplitter(worker.limits.maxFrameBytes)
    this.#pauses = new Pauses(socket, worker.counters, this)
    this.answers = new Answers(socket, worker.counters)
    own(socket, this)
    worker.admission.join(this)
  }

  // ── reading and answering ──────────────────────────────────────────────────────────────────────────────────

  onBytes(buffer: Buffer, count: number): void {
    const isOver = this.state === 'draining' && !this.#frameToCome
    if (isOver || this.state === 'finishing' || this.state === 'closed') return
    this.lastHeardAt = performance.now()
    const arrivedAt = this.#pauses.arrival(this.lastHeardAt)
    this.worker.counters.bytesRead += count
    const isFrame = this.requests > 0 && this.#mayRead() && this.#splitter.isFrame(buffer, count)
    if (isFrame && isBorrowed(buffer)) {
      return this.#process(this.worker.slabs.copy(buffer, 4, count), arrivedAt)
    }
    const chunk = buffer.subarray(0, count)
    if (this.#frameBeganAt < 0) {
      this.#frameBeganAt = arrivedAt
      this.#frameTimedFrom = this.lastHeardAt
    }
    this.#splitter.push(chunk)
    this.#process()
    if (this.#splitter.held > 0 && isBorrowed(chunk)) this.#splitter.own(chunk)
  }

  onEnd(): void {
    this.#ended = true
    this.#process()
  }

  onDrain(): void {
    this.#pauses.remove('output')
  }

  onStuck(): void {
    if (!this.answers.isStuck()) return
    this.close('write_timeout', `${this.answers.waiting} bytes wait for the client`)
  }

  /** @param only a frame that came as one chunk: what a client mostly sends */
  #process(only: Buffer | null = null, arrivedAt = 0): void {
    if (this.#processing) return
    this.#processing = true
    try {
      if (this.state === 'proxyHeader') this.#readProxyHeader()
      if (only) this.#take(only, arrivedAt)
      else while (this.#mayRead() && this.#readFrame());
      this.#afterReading()
    } catch (error) {
      if (error instanceof ProtocolError) this.refuse('bad_frame', error.message)
      else this.close('internal_error', (error as Error).stack)
    } finally {
      this.#processing = false
    }
  }

  #mayRead(): boolean {
    const takesMore = this.state === 'serving' || (this.state === 'draining' && this.#frameToCome)
    return takesMore && this.#pauses.takesFrames
  }

  #readProxyHeader(): void {
    const held = this.#splitter.peekAll()
    if (held.length === 0) return
    try {
      const header = readProxyHeader(held)
      if (!header) return
      this.#splitter.drop(header.length)
      this.address = header.address ?? this.address
      this.state = 'serving'
      this.#frameBeganAt = this.#splitter.held > 0 ? this.lastHeardAt : -1
      this.worker.onAddressKnown(this)
    } catch (error) {
      this.close('bad_proxy_header', (error as Error).message)
    }
  }

  /** @returns false when no whole frame is there */
  #readFrame(): boolean {
    const declared = this.#splitter.declared()
    if (declared < 0) return false
    if (!this.#allowedFirst(declared)) {
      this.close('bad_first_frame', `${declared} bytes, the limit is ${this.worker.limits.firstFrameBytes}`)
      return false
    }
    if (declared > LARGE_FRAME && !this.#mayReadLarge()) return false
    const frame = this.#splitter.next()
    if (frame) this.#take(kept(frame, this.worker.slabs), this.#frameBeganAt)
    else {
      this.#reserveFrame(Math.max(Math.min(declared, RESERVED_AT_ONCE), this.#splitter.held))
      this.worker.admission.setUnfinished(this, this.#frameReserved)
    }
    return frame !== null
  }

  #take(whole: Buffer, firstByteAt: number): void {
    const bytes = heldBytes(whole)
    this.#reserveFrame(bytes)
    this.#frameReserved = 0
    this.#frameIsOver()
    if (this.state === 'draining') this.#splitter.clear()
    this.#frameToCome = false
    const times = { firstByteAt, wholeAt: this.lastHeardAt }
    if (this.#frameBeganAt >= 0) {
      this.#frameBeganAt = this.#splitter.held > 0 ? this.lastHeardAt : -1
      this.#frameTimedFrom = this.lastHeardAt
    }
    this.requests++
    this.#unansweredBytes += bytes
    dispatch(this, whole, times)
    this.#holdAhead()
  }

  #mayReadLarge(): boolean {
    if (this.#permit === 'none') this.#permit = this.worker.admission.takePermit(this) ? 'held' : 'waiting'
    if (this.#permit === 'waiting') this.#pauses.add('permit')
    return this.#permit === 'held'
  }

  permit(): void {
    this.#permit = 'held'
    this.#pauses.remove('permit')
  }

  /** It is whole, or never will be. */
  #frameIsOver(): void {
    if (this.unfinished > 0) this.worker.admission.setUnfinished(this, 0)
    if (this.#permit === 'held') this.worker.admission.givePermit()
    this.#permit = 'none'
  }

  /** Before a client has said anything sensible, only a Produce may be large. */
  #allowedFirst(declared: number): boolean {
    if (this.requests > 0 || declared <= this.worker.limits.firstFrameBytes) return true
    const head = this.#splitter.peekAll(6)
    return head.length < 6 || head.readInt16BE(4) === PRODUCE
  }

  #reserveFrame(bytes: number): void {
    const more = bytes - this.#frameReserved
    this.#frameReserved = bytes
    if (more > 0) this.worker.admission.reserve(this, more)
    else if (more < 0) this.worker.admission.release(this, -more)
  }

  /** A request under way holds more than its frame. */
  hold(bytes: number): void {
    this.#unansweredBytes += bytes
    this.worker.admission.reserve(this, bytes)
  }

  letGo(bytes: number): void {
    this.#unansweredBytes -= bytes
    this.worker.admission.release(this, bytes)
  }

  /** Beyond so many unanswered requests the client is not read: TCP makes it wait and batch more. */
  #holdAhead(): void {
    const { pipelined, pipelinedBytes } = this.worker.limits
    const ahead = this.answers.length >= pipelined || this.#unansweredBytes >= pipelinedBytes
    if (ahead) this.#pauses.add('pipelined')
    else this.#pauses.remove('pipelined')
  }

  #afterReading(): void {
    const over = this.#ended && (this.state === 'draining' || this.#mayRead())
    if (over) this.clients.leave()
    if (over || this.state === 'draining') this.#finishWhenAnswered()
  }

  pause(): void {
    this.#pauses.add('admission')
  }

  resume(): void {
    this.#pauses.remove('admission')
  }

  onResumed(): void {
    this.#frameTimedFrom = this.#resumedAt = performance.now()
    queueMicrotask(() => this.#process())
  }

  get unfinishedSince(): number {
    return this.#frameBeganAt
  }

  evict(): void {
    this.close('frame_evicted', `${this.#splitter.held} bytes came`)
  }

  /** The cluster it writes to holds as many bytes as it may. */
  pauseForCluster(): void {
    if (!this.mixed) this.#pauses.add('cluster')
  }

  resumeForCluster(): void {
    this.#pauses.remove('cluster')
  }

  /** It has brought batches for more than one cluster. */
  get mixed(): boolean {
    return this.clients.several
  }

  /** A request is done; its answer leaves when everything before it has left. */
  answered(request: Request): void {
    leave(request)
    this.letGo(request.reserved)
    this.answers.add(request)
    if (this.#flushScheduled || this.state === 'closed') return
    this.#flushScheduled = true
    this.worker.turnEnd.add(this)
  }

  flush(): void {
    this.#flushScheduled = false
    if (this.state === 'closed') return
    const closing = this.answers.flush(this.worker.limits.writeTimeout)
    if (closing) return this.close('produce_failed', closing.closeReason)
    if (this.#refusal && this.answers.length === 0) {
      return this.close(this.#refusal.reason, this.#refusal.detail)
    }
    this.#holdAhead()
    if (this.answers.waiting > this.worker.limits.outputBytes) this.#pauses.add('output')
    else this.#pauses.remove('output')
    this.#finishWhenAnswered()
  }

  // ── ending ──────────────────────────────────────────────────────────────────────────────────────────

  /** Takes no further request, answers what was read, and closes. */
  drain(reason: CloseReason): void {
    if (this.state === 'proxyHeader') return this.close(reason)
    if (this.state !== 'serving') return
    this.#drainReason = reason
    this.state = 'draining'
    this.#frameToCome = this.#splitter.held > 0
    this.#finishWhenAnswered()
  }

  #finishWhenAnswered(): void {
    const draining = this.state === 'draining' && (!this.#frameToCome || this.#ended)
    if (!draining && !(this.#ended && this.state === 'serving')) return
    if (this.answers.length > 0) return
    if (this.#ended) this.#drainReason = 'client_closed'
    this.state = 'finishing'
    this.lookAt = 0
    this.#splitter.clear()
    this.#finishBy = performance.now() + FINISH_MS
    this.#socket.end()
    this.#pauses.clear()
    if (this.#ended) this.close('client_closed')
  }

  /** Ends what takes too long. Of thousands of connections each is looked at as seldom as its limits allow. */
  sweep(now: number): void {
    const { limits } = this.worker
    const shortest = Math.min(limits.frameTimeout, limits.idleTimeout, limits.connectionMaxAge)
    if (this.state === 'serving' && this.requests > 0) this.lookAt = now + shortest / LOOKS
    if (now > this.#finishBy) return this.close(this.#drainReason)
    if (this.state === 'finishing') return
    const { reading } = this.#pauses
    const since = Math.max(this.openedAt, this.#resumedAt)
    if (reading && this.requests === 0 && now - since > limits.firstRequestTimeout) {
      return this.close('first_request_timeout')
    }
    if (reading && this.#frameBeganAt >= 0 && now - this.#frameTimedFrom > limits.frameTimeout) {
      return this.close('frame_timeout', `${this.#splitter.held} bytes came`)
    }
    if (this.answers.length === 0 && now - this.lastHeardAt > limits.idleTimeout) return this.drain('idle')
    if (now > this.drainAt) this.drain('max_age')
  }

  /** Reads no more, and ends the connection when everything read is answered: as a broker would. */
  refuse(reason: CloseReason, detail: string): void {
    if (this.answers.length === 0) return this.close(reason, detail)
    this.#refusal ??= { reason, detail }
    this.#pauses.add('refused')
  }

  /** Ends the connection at once. */
  close(reason: CloseReason, detail?: string): void {
    if (this.state === 'closed') return
    const cause = this.state === 'finishing' ? this.#drainReason : reason
    this.state = 'closed'
    this.#socket.destroy()
    this.#splitter.clear()
    this.clients.leave()
    this.answers.forget()
    this.#reserveFrame(0)
    this.#frameIsOver()
    this.worker.admission.leave(this)
    this.worker.clients.leave(this)
    const fields = { client: this.address, clientId: this.clientId, reason: cause, detail }
    if (CLOSE_REASONS[cause].quiet) this.worker.log.debug(fields, CLOSE_REASONS[cause].text)
    else this.worker.log.warn(fields, CLOSE_REASONS[cause].text)
    this.worker.onClosed(this, cause)
  }
}
