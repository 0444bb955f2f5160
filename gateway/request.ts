import type { ClientConnection } from '#gateway/connection.ts'
import type { RequestReader } from '#gateway/request-reader.ts'
import { heldBytes, type Tenant } from '#gateway/slabs.ts'
import type { Api } from '#protocol/apis.ts'
import { encodeResponse, type RequestHeader } from '#protocol/header.ts'
import type { Input, Message } from '#protocol/schema.ts'

/** Must be told when a frame lies elsewhere. */
export interface FrameViews {
  /** @param to a copy of `from`, which is given up */
  moved(from: Buffer, to: Buffer): void
}

/**
 * One request of a client, from its last byte to its answer. It is also its own place in the queue of
 * answers, which leave in the order of the requests.
 */
export class Request implements Tenant {
  readonly connection: ClientConnection
  readonly api: Api
  readonly header: RequestHeader
  /** Stands behind the header. */
  readonly body: RequestReader
  /** Bytes reserved for it until it is answered. */
  reserved: number
  /** ms of `performance.now()`: first byte (or the start of the pause it waited behind) and last byte. */
  readonly firstByteAt: number
  readonly wholeAt: number
  outcome: 'open' | 'answered' | 'silent' | 'close' = 'open'
  answer: Buffer | null = null
  closeReason = ''
  /** The one behind it on its connection. */
  next: Request | null = null
  /** Its place in the slab in which its frame lies. */
  before: Tenant | null = null
  after: Tenant | null = null
  /** Whoever has views of its own on the frame. */
  views: FrameViews | null = null

  constructor(
    connection: ClientConnection,
    api: Api,
    header: RequestHeader,
    body: RequestReader,
    times: { firstByteAt: number; wholeAt: number },
  ) {
    this.connection = connection
    this.api = api
    this.header = header
    this.body = body
    this.reserved = heldBytes(body.buffer)
    this.firstByteAt = times.firstByteAt
    this.wholeAt = times.wholeAt
    connection.worker.slabs.enter(this, body.buffer)
  }

  move(): void {
    const from = this.body.buffer
    const to = Buffer.allocUnsafeSlow(from.length)
    from.copy(to)
    this.body.buffer = to
    this.views?.moved(from, to)
  }

  get version(): number {
    return this.header.apiVersion
  }

  /**
   * It takes more memory than its frame until it is answered: small batches take many times their bytes, and
   * an answer under way takes its own.
   */
  hold(bytes: number): void {
    this.reserved += bytes
    this.connection.hold(bytes)
  }

  /** @param frame a whole response frame, length prefix included */
  respond(frame: Buffer): void {
    this.outcome = 'answered'
    this.answer = frame
    this.connection.answered(this)
  }

  respondWith<T>(message: Message<T>, body: Input<T>, version = this.version): void {
    this.respond(encodeResponse(this.api, message, version, this.header.correlationId, body))
  }

  /** Done, and the client expects no answer (acks=0). */
  finishSilently(): void {
    this.outcome = 'silent'
    this.connection.answered(this)
  }

  /** Close the connection once everything before this request is answered, as a broker does. */
  closeInTurn(reason: string): void {
    this.outcome = 'close'
    this.closeReason = reason
    this.connection.answered(this)
  }
}
