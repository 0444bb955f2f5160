import type { AcksClass } from '#batcher/batch.ts'
import type { Broker } from '#batcher/broker.ts'
import { Fifo } from '#batcher/fifo.ts'
import type { Pair } from '#batcher/pair.ts'
import type { Submission } from '#batcher/submission.ts'

/** One partition of a cluster: its leader, and the pairs whose heads want to go there. */
export class Partition {
  readonly topic: string
  readonly index: number
  leader: Broker | null = null
  /** In no order; each knows its place. Tables that are filled and emptied with every batch cost more. */
  readonly pairs: Pair[] = []
  /** Pairs whose head is ready to be sent, by acks class; served in turn, so none can starve another. */
  readonly ready: readonly [Fifo<Pair>, Fifo<Pair>] = [new Fifo(), new Fifo()]
  /** Whether the leader's window of that acks class lists this partition. */
  readonly listed: [boolean, boolean] = [false, false]
  /** Bytes that the window counts for it there. */
  readonly listedBytes: [number, number] = [0, 0]
  /** Overdue submissions that carry a batch of it: it enters no window until they are answered. */
  readonly overdue = new Set<Submission>()
  /** It was answered 7 or 20: it rides alone until it is in time again, so that it holds up nobody else. */
  suspect = false
  /** When it lost its last pair, in ms. */
  unusedSince = 0

  constructor(topic: string, index: number) {
    this.topic = topic
    this.index = index
  }

  /** The pair's head is ready: it takes its turn among the others. */
  enlist(pair: Pair, acksClass: AcksClass): void {
    if (pair.enlisted & (1 << acksClass)) return
    pair.enlisted |= 1 << acksClass
    this.ready[acksClass].push(pair)
  }

  /** Takes the entry at the front, whose turn it is or has passed. */
  delist(acksClass: AcksClass): void {
    const pair = this.ready[acksClass].shift()
    if (pair) pair.enlisted &= ~(1 << acksClass)
  }

  join(pair: Pair): void {
    pair.place = this.pairs.push(pair) - 1
  }

  /** The pair will not come back. */
  drop(pair: Pair): void {
    const last = this.pairs.pop()!
    if (last !== pair) {
      this.pairs[pair.place] = last
      last.place = pair.place
    }
    if (this.pairs.length > 0) return
    for (const ready of this.ready) if (ready.length > 0) ready.clear()
  }

  hasLeaderless(): boolean {
    for (const pair of this.pairs) if (pair.state === 'leaderless') return true
    return false
  }
}
