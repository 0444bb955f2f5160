import type { Broker } from '#batcher/broker.ts'
import type { Submission } from '#batcher/submission.ts'

/**
 * One upstream connection to one broker. It carries one submission at a time, because a broker works on one
 * request per connection at a time (broker-facts.md §2.4).
 *
 *     opening ---> free <---> busy
 *        |           |          |
 *        `-----------+----------+---> closed (for good; a new lane takes its place)
 */
export type LaneState = 'opening' | 'free' | 'busy' | 'closed'

export class Lane {
  readonly id: number
  readonly broker: Broker
  state: LaneState = 'opening'
  submission: Submission | null = null
  /** When it was made or last became free, for closing idle lanes. */
  freeSince: number

  constructor(id: number, broker: Broker, now: number) {
    this.freeSince = now
    this.id = id
    this.broker = broker
  }
}
