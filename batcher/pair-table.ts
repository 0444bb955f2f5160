import type { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'

/** So many are looked through; of more there is a table. */
const FEW = 8

/**
 * The pairs of one producer by partition. One without a producer id has one or two at a time, which are made
 * and forgotten with every batch: a Map would be built anew for each, and thousands of producers are more than
 * a processor's cache holds, so the first needs no list either.
 */
export class PairTable {
  #first: Pair | null = null
  #few: Pair[] | null = null
  #many: Map<Partition, Pair> | null = null

  get size(): number {
    return this.#many?.size ?? (this.#first ? 1 : 0) + (this.#few?.length ?? 0)
  }

  get(partition: Partition): Pair | undefined {
    if (this.#first?.partition === partition) return this.#first
    if (this.#many) return this.#many.get(partition)
    if (this.#few) for (const pair of this.#few) if (pair.partition === partition) return pair
    return undefined
  }

  add(pair: Pair): void {
    if (this.#many) this.#many.set(pair.partition, pair)
    else if (!this.#first) this.#first = pair
    else {
      this.#few ??= []
      if (this.#few.push(pair) >= FEW) this.#tabulate()
    }
  }

  #tabulate(): void {
    this.#many = new Map(this.all().map((one) => [one.partition, one]))
    this.#first = null
    this.#few = null
  }

  delete(pair: Pair): void {
    if (this.#first === pair) this.#first = null
    else if (this.#many) {
      this.#many.delete(pair.partition)
      if (this.#many.size === 0) this.#many = null
    } else if (this.#few) {
      const at = this.#few.indexOf(pair)
      const last = at < 0 ? undefined : this.#few.pop()
      if (last && last !== pair) this.#few[at] = last
    }
  }

  /** A copy: pairs may be forgotten meanwhile. */
  all(): Pair[] {
    if (this.#many) return [...this.#many.values()]
    return [...(this.#first ? [this.#first] : []), ...(this.#few ?? [])]
  }
}
