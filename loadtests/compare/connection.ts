import { connect, type Socket } from 'node:net'
import {
  apiVersionsRequest,
  type Metadata,
  metadataRequest,
  type Produce,
  patch,
  readMetadata,
  readProduceAnswer,
} from './wire.ts'

/** Answers are read into one buffer that all connections share: they are looked at before the next read. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024)
/** Smaller requests are copied into one piece; larger batches go out as they are, between their framing. */
const COPIED_BELOW = 4096
const ANSWER_MS = 60_000

/** A request that waits for a free slot, or for its answer. Times in ms on the generator's clock. */
export interface Sent {
  /** When it was meant to be sent. */
  due: number
  sentAt: number
  request: Produce
}

export interface ConnectionEvents {
  sending(sent: Sent): void
  answered(sent: Sent, errorCode: number, connection: Connection): void
  /** It ended by itself, with so many requests unanswered. */
  lost(unanswered: number, why: string): void
}

/** One connection of one producer: at most `inFlight` requests unanswered, the others wait in line. */
export class Connection {
  /** Whom it leads to, and which of that broker's partitions is next: for whoever loads it. */
  leader = -1
  cursor = 0
  readonly #client: string
  readonly #clientBytes: Buffer
  readonly #inFlight: number
  readonly #events: ConnectionEvents
  readonly #now: () => number
  readonly #socket: Socket
  readonly #waiting: Sent[] = []
  readonly #unanswered: Sent[] = []
  #correlation = 0
  /** The first bytes of an answer whose rest has not come yet. */
  #rest: Buffer | null = null
  #onFrame: ((body: Buffer) => void) | null = null
  #onLost: (why: Error) => void = () => {}
  #closed = false

  private constructor(socket: Socket, options: ConnectOptions) {
    this.#socket = socket
    this.#client = options.client
    this.#clientBytes = Buffer.from(options.client)
    this.#inFlight = options.inFlight
    this.#events = options.events
    this.#now = options.now
  }

  static open(address: string, options: ConnectOptions): Promise<Connection> {
    const [host, port] = address.split(':') as [string, string]
    return new Promise((resolve, reject) => {
      const onread = {
        buffer: READ_BUFFER,
        callback: (count: number): boolean => connection.#onBytes(READ_BUFFER.subarray(0, count)),
      }
      const { localAddress } = options
      const socket = connect({ host, port: Number(port), noDelay: true, onread, localAddress })
      const connection = new Connection(socket, options)
      socket.once('connect', () => resolve(connection))
      socket.on('error', (error) => {
        reject(error)
        connection.#end(error.message)
      })
      socket.on('close', () => connection.#end('closed by the other side'))
    })
  }

  async apiVersions(): Promise<void> {
    const answer = await this.#ask(apiVersionsRequest(this.#client))
    const error = answer.readInt16BE(4)
    if (error) throw new Error(`ApiVersions was answered ${error}`)
  }

  async metadata(topics: readonly string[]): Promise<Metadata> {
    return readMetadata(await this.#ask(metadataRequest(this.#client, topics)))
  }

  /** @param due when it should have been sent, on the generator's clock */
  produce(request: Produce, due: number): void {
    const sent = { due, sentAt: 0, request }
    if (this.#unanswered.length < this.#inFlight && !this.#closed) this.#send(sent)
    else this.#waiting.push(sent)
  }

  /** Unanswered and waiting. */
  get open(): number {
    return this.#unanswered.length + this.#waiting.length
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  /** Ends with RST: leaves no port waiting. */
  reset(): void {
    this.#closed = true
    this.#socket.resetAndDestroy()
  }

  /** Holds back what is written until the end of this turn, so that it leaves in one piece. */
  cork(): void {
    if (this.#socket.writableCorked > 0) return
    this.#socket.cork()
    process.nextTick(() => this.#socket.uncork())
  }

  #send(sent: Sent): void {
    const { head, batch, tail } = sent.request
    sent.sentAt = this.#now()
    this.#unanswered.push(sent)
    this.#correlation = (this.#correlation + 1) | 0
    const small = batch.length < COPIED_BELOW
    const first = small ? Buffer.concat([head, batch, tail]) : Buffer.from(head)
    patch(first, this.#correlation, this.#clientBytes)
    this.#events.sending(sent)
    if (small) {
      this.#socket.write(first)
      return
    }
    this.#socket.cork()
    this.#socket.write(first)
    this.#socket.write(batch)
    this.#socket.write(tail)
    this.#socket.uncork()
  }

  #ask(frame: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a request was not answered')), ANSWER_MS)
      const finish = (): void => {
        clearTimeout(timer)
        this.#onFrame = null
        this.#onLost = () => {}
      }
      this.#onFrame = (body) => {
        finish()
        resolve(body)
      }
      this.#onLost = (error) => {
        finish()
        reject(error)
      }
      this.#socket.write(frame)
    })
  }

  #onBytes(bytes: Buffer): boolean {
    const chunk = this.#rest ? Buffer.concat([this.#rest, bytes]) : bytes
    let at = 0
    while (chunk.length - at >= 4) {
      const size = chunk.readInt32BE(at)
      if (chunk.length - at - 4 < size) break
      if (this.#onFrame) this.#onFrame(Buffer.from(chunk.subarray(at + 4, at + 4 + size)))
      else this.#onAnswer(chunk, at + 4)
      at += 4 + size
    }
    this.#rest = at < chunk.length ? Buffer.from(chunk.subarray(at)) : null
    return true
  }

  #onAnswer(chunk: Buffer, at: number): void {
    const { correlation, errorCode } = readProduceAnswer(chunk, at)
    const sent = this.#unanswered.shift()
    if (!sent) throw new Error('an answer that nobody waits for')
    const expected = (this.#correlation - this.#unanswered.length) | 0
    if (correlation !== expected) throw new Error(`answer ${correlation} instead of ${expected}`)
    const next = this.#waiting.shift()
    if (next) this.#send(next)
    this.#events.answered(sent, errorCode, this)
  }

  #end(why: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#onLost(new Error(why))
    this.#events.lost(this.open, why)
  }
}

export interface ConnectOptions {
  client: string
  inFlight: number
  events: ConnectionEvents
  now: () => number
  /** One of several addresses of this machine, where connections come and go too quickly for one. */
  localAddress?: string
}
