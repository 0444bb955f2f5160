import type { Batch } from '#batcher/batch.ts'

/** The batches of a pair, linked through themselves: there are many pairs, and most are empty mostly. */
export class BatchQueue {
  #head: Batch | null = null
  #tail: Batch | null = null
  length = 0

  peek(): Batch | null {
    return this.#head
  }

  push(batch: Batch): void {
    if (this.#tail) this.#tail.next = batch
    else this.#head = batch
    this.#tail = batch
    this.length++
  }

  shift(): Batch | null {
    const head = this.#head
    if (!head) return null
    this.#head = head.next
    if (!head.next) this.#tail = null
    head.next = null
    this.length--
    return head
  }

  has(batch: Batch): boolean {
    for (let one = this.#head; one; one = one.next) if (one === batch) return true
    return false
  }

  remove(batch: Batch): void {
    if (this.#head === batch) {
      this.shift()
      return
    }
    let before = this.#head
    while (before && before.next !== batch) before = before.next
    if (!before) return
    before.next = batch.next
    if (this.#tail === batch) this.#tail = before
    batch.next = null
    this.length--
  }

  *[Symbol.iterator](): Generator<Batch> {
    for (let one = this.#head; one; one = one.next) yield one
  }
}
