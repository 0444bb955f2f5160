import type { PartitionLog } from '#test/simulation/partition-log.ts'
import type { World } from '#test/simulation/world.ts'

/** For a while, appends to some partitions fail with a code, before or after the append. */
export interface Trouble {
  from: number
  until: number
  /** Null = all partitions. */
  log: PartitionLog | null
  code: number
  when: 'before' | 'after'
  probability: number
}

/** The errors that brokers are going to answer without a reason of their own. */
export class Troubles {
  readonly #world: World
  #list: Trouble[] = []

  constructor(world: World) {
    this.#world = world
  }

  add(trouble: Trouble): void {
    this.#list.push(trouble)
  }

  heal(): void {
    this.#list = []
  }

  /** @returns the code of the error that strikes now, or 0 */
  errorAt(log: PartitionLog, when: 'before' | 'after'): number {
    const { now, random } = this.#world
    for (const trouble of this.#list) {
      const strikes = trouble.when === when && (trouble.log === null || trouble.log === log)
      if (strikes && now >= trouble.from && now < trouble.until && random.chance(trouble.probability)) {
        return trouble.code
      }
    }
    return 0
  }
}
