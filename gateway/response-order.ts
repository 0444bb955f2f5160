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

  /** Takes the requests at the head that are done, up to the first that is not. */
  takeDone(): Request[] {
    const done: Request[] = []
    for (let head = this.#requests.peek(); head && head.outcome !== 'open'; head = this.#requests.peek()) {
      done.push(head)
      this.#requests.shift()
    }
    return done
  }
}
