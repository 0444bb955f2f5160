import type { ClientConnection } from '#gateway/connection.ts'
import type { RequestReader } from '#gateway/request-reader.ts'
import type { Api } from '#protocol/apis.ts'
import { encodeResponse, type RequestHeader } from '#protocol/header.ts'
import type { Input, Message } from '#protocol/schema.ts'

/**
 * One request of a client, from its last byte to its answer. It is also its own place in the queue of
 * answers, which leave in the order of the requests.
 */
export class Request {
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
    this.reserved = body.buffer.buffer.byteLength
    this.firstByteAt = times.firstByteAt
    this.wholeAt = times.wholeAt
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
