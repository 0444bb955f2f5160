import type { Request } from '#gateway/request.ts'

/**
 * Requests of one connection in the order they came. Answers leave in that order, whatever the order in
 * which they get ready: Java clients take anything else for a broken connection.
 */
export class ResponseOrder {
  #requests: Request[] = []
  #head = 0

  get length(): number {
    return this.#requests.length - this.#head
  }

  push(request: Request): void {
    this.#requests.push(request)
  }

  /** Takes the requests at the head that are done, up to the first that is not. */
  takeDone(): Request[] {
    const from = this.#head
    while (this.#requests[this.#head] && this.#requests[this.#head]!.outcome !== 'open') this.#head++
    const done = this.#requests.slice(from, this.#head)
    if (this.#head === this.#requests.length || this.#head > 256) {
      this.#requests = this.#requests.slice(this.#head)
      this.#head = 0
    }
    return done
  }
}
