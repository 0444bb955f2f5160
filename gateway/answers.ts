import type { Socket } from 'node:net'
import type { Request } from '#gateway/request.ts'
import { ResponseOrder } from '#gateway/response-order.ts'

interface Counters {
  bytesWritten: number
  /** Requests read and not answered. */
  unanswered: number
}

/** The way out of a client connection, and how much of it the client has not taken. */
export class Answers extends ResponseOrder {
  readonly #socket: Socket
  readonly #counters: Counters
  /** Bytes of answers that wait for others before them. */
  #ready = 0
  #timed = false

  constructor(socket: Socket, counters: Counters) {
    super()
    this.#socket = socket
    this.#counters = counters
  }

  /** Bytes of answers that the client has not taken. */
  get waiting(): number {
    return this.#ready + this.#socket.writableLength
  }

  expect(request: Request): void {
    this.#counters.unanswered++
    this.push(request)
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
    let request = this.takeDone()
    const several = request !== null && this.isHeadDone
    if (several) this.#socket.cork()
    for (; request; request = this.takeDone()) {
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
    this.#counters.unanswered -= this.length
    this.clear()
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

  /** The time given to `flush` is over. @returns whether the client has taken nothing while something was there */
  isStuck(): boolean {
    const stuck = this.#socket.writableLength > 0
    if (!stuck) this.#time(0)
    return stuck
  }
}
