import { Fifo } from '#batcher/fifo.ts'
import type { Request } from '#gateway/request.ts'

/**
 * Requests of one connection in the order they came. Answers leave in that order, whatever the order in
 * which they get ready: Java clients take anything else for a broken connection.
 */
export class ResponseOrder {
  readonly #requests = new Fifo<Request>()

  get length(): number {
    return this.#requests.length
  }

  push(request: Request): void {
    this.#requests.push(request)
  }

  get isHeadDone(): boolean {
    const head = this.#requests.peek()
    return head !== undefined && head.outcome !== 'open'
  }

  /** Takes the request at the head if it is done. */
  takeDone(): Request | null {
    return this.isHeadDone ? this.#requests.shift()! : null
  }
}
