/** A queue on an array: push and shift in constant time, and removal from the middle for the rare cases. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  at(position: number): T | undefined {
    return this.#items[this.#head + position]
  }

  has(item: T): boolean {
    return this.#items.indexOf(item, this.#head) >= 0
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.clear()
    else if (this.#head >= 64 && this.#head * 2 > this.#items.length) this.#compact()
    return item
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item
    else this.#items.unshift(item)
  }

  remove(item: T): boolean {
    const at = this.#items.indexOf(item, this.#head)
    if (at < 0) return false
    this.#items.splice(at, 1)
    return true
  }

  clear(): void {
    this.#items.length = 0
    this.#head = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!
  }

  #compact(): void {
    this.#items.splice(0, this.#head)
    this.#head = 0
  }
}
