import type { Redis } from 'ioredis'
import { GRANT_LEASE_MS } from '#fleet/amounts.ts'
import { callGrantScript, type GrantAnswer } from '#fleet/grants.ts'

type Row = [number, number, number]

/** Callers of the grant script in simulated time, and what a plain reading of the rules says about them. */
export interface Caller {
  name: string
  budget: Row
  floor: Row
  wants: Row
  /** What it may use: the last answer that it has received. */
  holds: Row
  /** What it does use; follows `holds` down with a delay of up to one call. */
  uses: Row
  /** ms; it does not call before. */
  awakeAt: number
  /** It has called since it last slept. */
  isHeard: boolean
  /** ms since when it has called and is below its floor, per budget. */
  belowSince: (number | null)[]
}

export interface Book {
  seen: number
  r: Row
  f: Row
  b: Row
}

export class GrantWorld {
  readonly callers = new Map<string, Caller>()
  now = 1_700_000_000_000
  readonly #redis: Redis
  readonly #key: string

  constructor(redis: Redis, key: string) {
    this.#redis = redis
    this.#key = key
  }

  join(name: string, budget: Row, workers: number): Caller {
    const floor: Row = [workers, workers * 1000, workers]
    const nothing: Row = [0, 0, 0]
    const caller: Caller = {
      ...{ name, budget, floor, wants: [...floor], holds: [...nothing], uses: [...nothing] },
      ...{ awakeAt: 0, isHeard: false, belowSince: [null, null, null] },
    }
    this.callers.set(name, caller)
    return caller
  }

  async leave(name: string): Promise<void> {
    this.callers.delete(name)
    await this.#run(name, null)
  }

  /** What the script has written down. */
  async books(): Promise<Map<string, Book>> {
    const raw = await this.#redis.hgetall(this.#key)
    const rows = Object.entries(raw).filter(([name]) => name !== 'meta')
    return new Map(rows.map(([name, json]) => [name, JSON.parse(json) as Book]))
  }

  /**
   * @param how lost: the answer does not reach the caller; late: it closes nothing before its next call
   * @returns the answer, and the books before and after
   */
  async call(
    caller: Caller,
    how: { lost?: boolean; late?: boolean } = {},
  ): Promise<{ answer: GrantAnswer; before: Map<string, Book>; after: Map<string, Book> }> {
    const before = await this.books()
    const { budget, floor, holds, uses, wants } = caller
    const answer = (await this.#run(caller.name, { budget, floor, holds, uses, wants }))!
    const after = await this.books()
    caller.isHeard = true
    if (!how.lost) caller.holds = [...answer.grant]
    for (const d of [0, 1, 2] as const) {
      const unlimited = this.budget(after, d) === 0
      const target = unlimited ? wants[d] : Math.min(wants[d], caller.holds[d])
      if (target > uses[d] || !how.late) uses[d] = target
      if (unlimited || answer.grant[d] >= floor[d]) caller.belowSince[d] = null
      else caller.belowSince[d] ??= this.now
    }
    return { answer, before, after }
  }

  /** The smallest budget of those whose lease runs; 0 = unlimited. */
  budget(books: Map<string, Book>, d: 0 | 1 | 2): number {
    const live = [...books.values()].filter(({ seen }) => this.now <= seen + GRANT_LEASE_MS)
    const limited = live.map(({ b }) => b[d]).filter((budget) => budget > 0)
    return limited.length > 0 ? Math.min(...limited) : 0
  }

  /** Of those whose lease runs; of one that is gone, what it has of it. */
  floors(books: Map<string, Book>, d: 0 | 1 | 2): number {
    let total = 0
    for (const { seen, f, r } of books.values()) {
      total += this.now <= seen + GRANT_LEASE_MS ? f[d] : Math.min(f[d], r[d])
    }
    return total
  }

  async #run(name: string, call: Parameters<typeof callGrantScript>[3]): Promise<GrantAnswer | null> {
    const link = { commands: this.#redis, key: () => this.#key }
    return callGrantScript(link, 'c', name, call, this.now)
  }
}

export function given(books: Map<string, Book>, d: 0 | 1 | 2): number {
  let total = 0
  for (const { r } of books.values()) total += r[d]
  return total
}
