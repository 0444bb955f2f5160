const FIRST_CAPACITY = 4
/** An emptied queue that has grown beyond this gives its memory back. */
const KEPT_CAPACITY = 1024

/**
 * A queue on a ring that grows by doubling: what comes and goes makes no garbage. Removal from the middle is
 * for the rare cases.
 */
export class Fifo<T> {
  #ring: (T | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head]
  }

  has(item: T): boolean {
    return this.#indexOf(item) >= 0
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    if (--this.#length === 0 && this.#ring.length > KEPT_CAPACITY) this.clear()
    return item
  }

  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#length++
  }

  remove(item: T): boolean {
    const at = this.#indexOf(item)
    if (at < 0) return false
    const mask = this.#ring.length - 1
    for (let i = at; i < this.#length - 1; i++) {
      this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i + 1) & mask]
    }
    this.#ring[(this.#head + --this.#length) & mask] = undefined
    return true
  }

  clear(): void {
    this.#ring = []
    this.#head = 0
    this.#length = 0
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)]!
  }

  #indexOf(item: T): number {
    for (let i = 0; i < this.#length; i++) {
      if (this.#ring[(this.#head + i) & (this.#ring.length - 1)] === item) return i
    }
    return -1
  }

  #grow(): void {
    const grown = [...this]
    this.#head = 0
    grown.length = Math.max(FIRST_CAPACITY, this.#ring.length * 2)
    this.#ring = grown
  }
}
