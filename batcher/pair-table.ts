import type { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'

/** So many are looked through; of more there is a table. */
const FEW = 8

/**
 * The pairs of one producer by partition. One without a producer id has one or two at a time, which are made
 * and forgotten with every batch: a Map would be built anew for each.
 */
export class PairTable {
  readonly #few: Pair[] = []
  #many: Map<Partition, Pair> | null = null

  get size(): number {
    return this.#many?.size ?? this.#few.length
  }

  get(partition: Partition): Pair | undefined {
    if (this.#many) return this.#many.get(partition)
    for (const pair of this.#few) if (pair.partition === partition) return pair
    return undefined
  }

  add(pair: Pair): void {
    if (this.#many) this.#many.set(pair.partition, pair)
    else if (this.#few.push(pair) > FEW) {
      this.#many = new Map(this.#few.map((one) => [one.partition, one]))
      this.#few.length = 0
    }
  }

  delete(pair: Pair): void {
    if (this.#many) {
      this.#many.delete(pair.partition)
      if (this.#many.size === 0) this.#many = null
      return
    }
    const at = this.#few.indexOf(pair)
    const last = at < 0 ? undefined : this.#few.pop()
    if (last && last !== pair) this.#few[at] = last
  }

  /** A copy: pairs may be forgotten meanwhile. */
  all(): Pair[] {
    return this.#many ? [...this.#many.values()] : [...this.#few]
  }
}
