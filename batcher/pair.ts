import type { AcksClass, Batch } from '#batcher/batch.ts'
import { BatchQueue } from '#batcher/batch-queue.ts'
import type { Client, Producer } from '#batcher/client.ts'
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
  readonly queue = new BatchQueue()
  state: PairState = 'idle'
  /** Where it stands among the pairs of its partition. */
  place = -1
  /** In state ready: the class its head is listed under. */
  readyClass: AcksClass = 0
  /** In state ready: since when, in ms. */
  readyAt = 0
  /** In state backoff: when the head may be tried again. */
  retryAt = 0
  /** The classes in whose queue its partition has an entry for it, valid or not, as bits: never two entries. */
  enlisted = 0
  /** By client connection: one that has read of a failure and one that has not may share a producer id. */
  guards: Map<Client, Guard> | null = null

  constructor(producer: Producer, partition: Partition) {
    this.producer = producer
    this.partition = partition
  }
}

/** Sequences remembered by a guard: more than a client may have under way (limits.pipelined). */
const HELD = 1000
const SEQUENCES = 2 ** 31

/**
 * Never a hole: after a batch of an idempotent producer has failed, nothing behind it may reach the broker,
 * which accepts any first sequence of a producer it does not know. What follows is answered 19, unsent,
 * until the client shows that it has read the failure.
 *
 * The failed batch may pass again, then the one behind it, and so on until everything held has come again:
 * a client may send something new before it has read all of our 19s. Another epoch lifts the guard, and so
 * does a batch that comes out of turn and was held since the last one passed: its client has read that, and
 * all before it, and has dropped one of them (Java after delivery.timeout). It needs the broker's own word.
 */
export class Guard {
  lifted = false
  readonly #epoch: number
  /** The sequence that may pass next. */
  #expected: number
  #passed = 0
  /** Sequences held, with how many had passed by then. */
  readonly #held = new Map<number, number>()

  constructor(failed: Batch) {
    this.#epoch = failed.epoch
    this.#expected = failed.baseSequence
  }

  /** May the batch go upstream? If not it is held: answered 19. */
  admits(batch: Batch): boolean {
    const { baseSequence } = batch
    if (batch.epoch === this.#epoch && baseSequence === this.#expected) {
      this.#expected = (baseSequence + batch.records) % SEQUENCES
      this.#passed++
      this.#held.delete(baseSequence)
      this.lifted = this.#held.size === 0
      return true
    }
    if (batch.epoch !== this.#epoch || this.#held.get(baseSequence) === this.#passed) {
      this.lifted = true
      return true
    }
    if (this.#held.size < HELD || this.#held.has(baseSequence)) this.#held.set(baseSequence, this.#passed)
    return false
  }
}
