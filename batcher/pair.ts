import type { AcksClass, Batch } from '#batcher/batch.ts'
import type { Client, Producer } from '#batcher/client.ts'
import { Fifo } from '#batcher/fifo.ts'
import type { Partition } from '#batcher/partition.ts'

/**
 * One producer on one partition. Its batches are a queue with at most one in flight upstream: the next may
 * go only when the one before it is answered for good. So any batch may take any lane, a retry is the head
 * tried again, and nothing can overtake (KAFKA-14359; broker-facts.md §0).
 *
 *            accept              window closes
 *     idle ---------> ready -------------------> inFlight
 *      ^ \              ^ ^                        | |
 *      |  \ no leader   | | leader known           | | retry
 *      |   `-----> leaderless <--- leader lost ----' v
 *      |                ^ `---------------------- backoff
 *      `---- queue empty after an answer -------------'
 */
export type PairState = 'idle' | 'ready' | 'inFlight' | 'leaderless' | 'backoff'

export class Pair {
  readonly producer: Producer
  readonly partition: Partition
  /** Head first; in state inFlight the head is the batch in flight, answered or not. */
  readonly queue = new Fifo<Batch>()
  state: PairState = 'idle'
  /** In state ready: the class its head is listed under. */
  readyClass: AcksClass = 0
  /** In state ready: since when, in ms. */
  readyAt = 0
  /** In state backoff: when the head may be tried again. */
  retryAt = 0
  /** Whether its partition's queue of that class has an entry for it, valid or not: never two. */
  readonly enlisted: [boolean, boolean] = [false, false]
  /** By client connection: one that has read of a failure and one that has not may share a producer id. */
  guards: Map<Client, Guard> | null = null

  constructor(producer: Producer, partition: Partition) {
    this.producer = producer
    this.partition = partition
  }
}

/**
 * Never a hole: after a batch of an idempotent producer has failed, nothing behind it may reach the broker,
 * which accepts any first sequence of a producer it does not know. What follows is answered 19, unsent,
 * until the client shows that it has read the failure.
 */
export class Guard {
  readonly epoch: number
  readonly failedSequence: number
  readonly #answered = new Set<number>()

  constructor(failed: Batch) {
    this.epoch = failed.epoch
    this.failedSequence = failed.baseSequence
  }

  /**
   * May this batch pass and lift the guard? Yes if it is the failed one again, has another epoch, or was
   * answered by this guard before: then the client has dropped the failed one (Java after delivery.timeout)
   * and needs the broker's own word.
   */
  lets(batch: Batch): boolean {
    return (
      batch.epoch !== this.epoch ||
      batch.baseSequence === this.failedSequence ||
      this.#answered.has(batch.baseSequence)
    )
  }

  hold(batch: Batch): void {
    this.#answered.add(batch.baseSequence)
  }
}
