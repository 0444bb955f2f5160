import type { Socket } from 'node:net'
import type { Request } from '#gateway/request.ts'
import { ResponseOrder } from '#gateway/response-order.ts'

interface Counters {
  bytesWritten: number
  /** Requests read and not answered. */
  unanswered: number
}

/** The way out of a client connection, and how much of it the client has not taken. */
export class Answers {
  readonly #socket: Socket
  readonly #counters: Counters
  readonly #onStuck: (bytes: number) => void
  readonly #order = new ResponseOrder()
  /** Bytes of answers that wait for others before them. */
  #ready = 0
  #timed = false

  /** @param onStuck the client has taken nothing for the time given to `flush` */
  constructor(socket: Socket, counters: Counters, onStuck: (bytes: number) => void) {
    this.#socket = socket
    this.#counters = counters
    this.#onStuck = onStuck
    socket.on('timeout', () => this.#onTimeout())
  }

  /** Requests read and not answered. */
  get open(): number {
    return this.#order.length
  }

  /** Bytes of answers that the client has not taken. */
  get waiting(): number {
    return this.#ready + this.#socket.writableLength
  }

  expect(request: Request): void {
    this.#counters.unanswered++
    this.#order.push(request)
  }

  /** The answer to that request is there; it leaves when everything before it has left. */
  add(request: Request): void {
    this.#ready += request.answer?.length ?? 0
  }

  /**
   * Writes the answers whose turn it is, several in one write.
   *
   * @param timeoutMs how long the client may take none of them
   * @returns the request whose answer is to close the connection, if its turn has come
   */
  flush(timeoutMs: number): Request | null {
    let request = this.#order.takeDone()
    const several = request !== null && this.#order.isHeadDone
    if (several) this.#socket.cork()
    for (; request; request = this.#order.takeDone()) {
      this.#counters.unanswered--
      if (request.outcome === 'close') break
      this.#write(request)
    }
    if (several) this.#socket.uncork()
    if (!this.#timed && this.#socket.writableLength > 0) this.#time(timeoutMs)
    return request
  }

  /** The connection is gone: what was not answered never will be. */
  forget(): void {
    this.#counters.unanswered -= this.#order.length
    this.#order.clear()
  }

  #write({ answer }: Request): void {
    if (!answer) return
    this.#ready -= answer.length
    this.#counters.bytesWritten += answer.length
    this.#socket.write(answer)
  }

  /** The socket's own timer knows of progress inside one large write. */
  #time(timeoutMs: number): void {
    this.#timed = timeoutMs > 0
    this.#socket.setTimeout(timeoutMs)
  }

  #onTimeout(): void {
    if (this.#socket.writableLength > 0) this.#onStuck(this.waiting)
    else this.#time(0)
  }
}
