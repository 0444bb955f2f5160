import { connect as connectSocket, type Socket } from 'node:net'
import { type Api, apis } from '#protocol/apis.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { decodeResponse, encodeRequest } from '#protocol/header.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { ProtocolError } from '#protocol/reader.ts'
import type { Input, Message } from '#protocol/schema.ts'

/**
 * One connection to one broker: requests go out, answers come back in the same order (broker-facts.md §2.4).
 *
 *     connecting ---> negotiating ---> ready ---> closed
 *          |  (authenticating: reserved for TLS and SASL)   ^
 *          `------------------------------------------------'
 */
export type ConnectionState = 'connecting' | 'authenticating' | 'negotiating' | 'ready' | 'closed'

/** A broker's answer may not be larger: 100 MiB, the size up to which brokers take requests themselves. */
const MAX_RESPONSE_BYTES = 100 * 1024 * 1024

/** Finds peers that went without a word while nothing was asked of them. */
const KEEP_ALIVE_MS = 30_000

/** All connections are read into this one, each in its turn: Node would make one for each read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

interface Pending {
  correlationId: number
  answered(frame: Buffer): void
  failed(error: Error): void
}

export interface ConnectionOptions {
  host: string
  port: number
  clientId: string
  /** ms for TCP connect and negotiation together. */
  connectTimeoutMs: number
  /** ms after which an unanswered `call` fails and closes the connection. */
  requestTimeoutMs: number
  onClosed?(error: Error): void
}

/** Version ranges by API key, as the broker gave them. */
export type VersionRanges = ReadonlyMap<number, { min: number; max: number }>

export class UpstreamConnection {
  readonly options: ConnectionOptions
  state: ConnectionState = 'connecting'
  versions: VersionRanges = new Map()
  /** Called with each answer that comes: the broker is alive. */
  onAlive: (() => void) | null = null
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter(MAX_RESPONSE_BYTES)
  readonly #pending: Pending[] = []
  #correlationId = 0

  constructor(options: ConnectionOptions) {
    this.options = options
    const { host, port } = options
    const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
    const callback = (count: number): boolean => this.#onData(READ_BUFFER.subarray(0, count))
    this.#socket = connectSocket({ host, port, ...tcp, onread: { buffer: READ_BUFFER, callback } })
    this.#socket.on('error', (error) => this.close(error))
    this.#socket.on('close', () => this.close(new Error(`${this.address} closed the connection`)))
  }

  get address(): string {
    return `${this.options.host}:${this.options.port}`
  }

  /** Open, and nothing is waited for. */
  get idle(): boolean {
    return this.state === 'ready' && this.#pending.length === 0
  }

  /** Connects and learns the broker's versions. Rejects, and is closed, when that fails. */
  async open(): Promise<void> {
    const timer = setTimeout(
      () =>
        this.close(new Error(`${this.address} did not answer within ${this.options.connectTimeoutMs} ms`)),
      this.options.connectTimeoutMs,
    )
    try {
      await this.#negotiate()
      if (this.#isClosed()) throw new Error(`${this.address} closed the connection`)
      this.state = 'ready'
    } catch (error) {
      this.close(error as Error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Asked anew: it may have closed while an answer was waited for. */
  #isClosed(): boolean {
    return this.state === 'closed'
  }

  async #negotiate(): Promise<void> {
    this.state = 'negotiating'
    const body = { clientSoftwareName: 'sluice', clientSoftwareVersion: '1' }
    let answer = await this.#callAs(apis.apiVersions, apiVersionsRequest, apiVersionsResponse, 3, body)
    if (answer.errorCode === 35) {
      answer = await this.#callAs(apis.apiVersions, apiVersionsRequest, apiVersionsResponse, 0, {})
    }
    if (answer.errorCode !== 0) throw new ProtocolError(`ApiVersions was answered ${answer.errorCode}`)
    const ranges = new Map<number, { min: number; max: number }>()
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
      ranges.set(apiKey, { min: minVersion, max: maxVersion })
    }
    this.versions = ranges
  }

  /** The highest version both sides speak. @throws ProtocolError when there is none */
  versionOf(api: Api): number {
    const theirs = this.versions.get(api.key)
    const version = Math.min(api.codec.max, theirs?.max ?? -1)
    if (!theirs || version < Math.max(api.codec.min, theirs.min)) {
      const range = theirs ? `${theirs.min} to ${theirs.max}` : 'none'
      throw new ProtocolError(
        `${this.address} speaks ${api.name} versions ${range}, Sluice ${api.codec.min} to ${api.codec.max}`,
      )
    }
    return version
  }

  /** Sends one request in the highest common version and waits for its answer; unanswered it closes. */
  async call<Q, A>(
    api: Api,
    request: Message<Q>,
    response: Message<A>,
    body: Input<Q>,
    timeoutMs = this.options.requestTimeoutMs,
  ): Promise<A> {
    const timer = setTimeout(
      () => this.close(new Error(`${this.address} did not answer ${api.name} within ${timeoutMs} ms`)),
      timeoutMs,
    )
    try {
      return await this.#callAs(api, request, response, this.versionOf(api), body)
    } finally {
      clearTimeout(timer)
    }
  }

  #callAs<Q, A>(
    api: Api,
    request: Message<Q>,
    response: Message<A>,
    version: number,
    body: Input<Q>,
  ): Promise<A> {
    return new Promise((resolve, failed) => {
      const header = {
        apiVersion: version,
        correlationId: this.nextCorrelationId(),
        clientId: this.options.clientId,
      }
      const answered = (frame: Buffer) => {
        // A broker that does not know this ApiVersions version answers in version 0 (KIP-511).
        const fallback = api.key === apis.apiVersions.key && frame.length >= 6 && frame.readInt16BE(4) === 35
        resolve(decodeResponse(api, response, fallback ? 0 : version, frame))
      }
      this.send([encodeRequest(api, request, header, body)], header.correlationId, { answered, failed })
    })
  }

  nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    return this.#correlationId
  }

  /** Writes one request frame, given in pieces, and hands its answer to the waiter. */
  send(pieces: Buffer[], correlationId: number, waiter: Omit<Pending, 'correlationId'>): void {
    if (this.state === 'closed') {
      waiter.failed(new Error(`${this.address} is closed`))
      return
    }
    this.#pending.push({ correlationId, answered: waiter.answered, failed: waiter.failed })
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
  }

  /** @param chunk is gone when this returns @returns true: read on */
  #onData(chunk: Buffer): boolean {
    try {
      this.#splitter.push(chunk)
      for (let frame = this.#splitter.next(); frame !== null; frame = this.#splitter.next()) {
        this.#onFrame(frame)
      }
      this.#splitter.own(chunk)
    } catch (error) {
      this.#broken(error)
    }
    return true
  }

  /** Bytes that make no sense close the connection. A fault of our own must not hide behind that. */
  #broken(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error
    this.close(error)
  }

  #onFrame(frame: Buffer): void {
    if (frame.length < 4) throw new ProtocolError(`${this.address} sent an answer of ${frame.length} bytes`)
    const pending = this.#pending.shift()
    if (!pending) throw new ProtocolError(`${this.address} sent an answer nobody waits for`)
    const correlationId = frame.readInt32BE(0)
    if (correlationId !== pending.correlationId) {
      this.#pending.unshift(pending)
      throw new ProtocolError(`${this.address} answered ${correlationId}, not ${pending.correlationId}`)
    }
    this.onAlive?.()
    try {
      pending.answered(frame)
    } catch (error) {
      if (error instanceof ProtocolError) pending.failed(error)
      throw error
    }
  }

  /** Closes at once. Everything unanswered fails with `error`, in order. */
  close(error: Error = new Error('closed by Sluice')): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#socket.destroy()
    for (const pending of this.#pending.splice(0)) pending.failed(error)
    this.options.onClosed?.(error)
  }
}
