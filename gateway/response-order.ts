import type { Request } from '#gateway/request.ts'

/**
 * Requests of one connection in the order they came. Answers leave in that order, whatever the order in
 * which they get ready: Java clients take anything else for a broken connection.
 *
 * They are linked through themselves: most connections have one at a time.
 */
export class ResponseOrder {
  #head: Request | null = null
  #tail: Request | null = null
  /** Requests read and not answered. */
  length = 0

  push(request: Request): void {
    if (this.#tail) this.#tail.next = request
    else this.#head = request
    this.#tail = request
    this.length++
  }

  get isHeadDone(): boolean {
    return this.#head !== null && this.#head.outcome !== 'open'
  }

  /** Takes the request at the head if it is done. */
  takeDone(): Request | null {
    const head = this.#head
    if (!head || head.outcome === 'open') return null
    this.#head = head.next
    if (!head.next) this.#tail = null
    head.next = null
    this.length--
    return head
  }

  clear(): void {
    this.#head = null
    this.#tail = null
    this.length = 0
  }
}
