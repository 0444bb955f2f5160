import type { Batch } from '#batcher/batch.ts'
import type { Client } from '#batcher/client.ts'
import type { Deadlines } from '#batcher/deadlines.ts'
import { AUTO_LINGER_MS } from '#batcher/linger.ts'
import { Guard, type Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'
import type { Clock, Observer, Submit } from '#batcher/ports.ts'
import { Producers } from '#batcher/producers.ts'
import { backoffMs, Codes } from '#batcher/retry.ts'

/**
 * The queues of all pairs: the one door through which a pair changes its state and a batch gets its answer.
 */
export class Queues {
  readonly #clock: Clock
  readonly #submit: Submit
  readonly #observer: Observer
  readonly #deadlines: Deadlines
  readonly #producers: Producers
  readonly #backoff = new Set<Pair>()

  /** @param onUnused called when nobody writes to a partition any more */
  constructor(
    ports: { clock: Clock; submit: Submit; observer: Observer },
    deadlines: Deadlines,
    onUnused: (partition: Partition) => void,
  ) {
    this.#producers = new Producers(onUnused)
    this.#clock = ports.clock
    this.#submit = ports.submit
    this.#observer = ports.observer
    this.#deadlines = deadlines
  }

  /** @param now the clock, which is read once for all that a batch causes */
  accept(batch: Batch, now: number): void {
    const pair = this.#producers.pairOf(batch)
    batch.pair = pair
    this.#noteArrival(batch, now)
    batch.client.unanswered++
    this.#deadlines.add(batch)
    this.#observer.accepted(batch)
    const guard = pair.guards?.get(batch.client)
    if (guard) {
      const admitted = guard.admits(batch)
      if (guard.lifted) pair.guards!.delete(batch.client)
      if (!admitted) return this.#answer(batch, Codes.NOT_ENOUGH_REPLICAS)
    }
    pair.queue.push(batch)
    if (pair.state === 'idle') this.#advance(pair, now)
  }

  /** Quiet rule: what our own answer has just triggered says nothing about what comes of itself. */
  #noteArrival({ client, partition, acksClass }: Batch, now: number): void {
    const quiet = client.unanswered === 0 && now - client.lastAnswerAt > AUTO_LINGER_MS
    if (quiet) partition.leader?.windows[acksClass].arrivals.note(now, partition)
  }

  /**
   * The client has left. What was never sent is dropped, as a suffix of each of its pairs; acks=0 batches
   * go on, since their client asked for no answer.
   */
  detach(client: Client): void {
    client.gone = true
    for (const producer of [client.anonymous, ...client.producers]) {
      for (const pair of producer.all()) {
        pair.guards?.delete(client)
        for (const batch of [...pair.queue]) {
          const unsent = batch.attempts === 0 && !batch.answered
          if (unsent && batch.client === client && batch.acks !== 0)
            this.fail(batch, Codes.NOT_ENOUGH_REPLICAS)
        }
      }
    }
    this.#producers.release(client)
  }

  dropIdle(partition: Partition): void {
    this.#producers.dropIdle(partition)
  }

  /** The head may be sent: to its leader's window, or to those who wait for a leader. */
  makeReady(pair: Pair, now = this.#clock.now()): void {
    const { partition } = pair
    const head = pair.queue.peek()!
    const { leader } = partition
    this.#backoff.delete(pair)
    if (!leader) {
      pair.state = 'leaderless'
      this.#submit.askLeaders(partition.topic)
      return
    }
    pair.state = 'ready'
    pair.readyClass = head.acksClass
    pair.readyAt = now
    partition.enlist(pair, head.acksClass)
    const window = leader.windows[head.acksClass]
    window.list(partition, pair.readyAt)
    // While every lane is busy nothing can leave: the next answer sends it. A window that lingers has its time.
    if (window.heldUntil(now) > 0) this.#clock.lingers()
    else if (leader.free.length > 0 || leader.lanes.length === 0) this.#clock.flushSoon()
  }

  /** The head will be tried again after a pause. */
  backOff(pair: Pair): void {
    const { attempts } = pair.queue.peek()!
    pair.state = 'backoff'
    pair.retryAt = this.#clock.now() + backoffMs(attempts, this.#clock.random())
    this.#backoff.add(pair)
  }

  /** Pairs whose pause is over get ready. */
  wake(now: number): void {
    for (const pair of [...this.#backoff]) if (pair.retryAt <= now) this.makeReady(pair)
  }

  /** The head is answered for good (unless its client was told before), and the next one's turn comes. */
  settle(pair: Pair, code: number, now: number): void {
    const head = pair.queue.shift()!
    if (!head.answered) {
      this.#answer(head, code, now)
      if (code !== 0) this.#guardBehind(pair, head)
    }
    this.#advance(pair, now)
  }

  /**
   * Answers a batch anywhere in its queue with an error of ours. One in flight keeps its place until its
   * submission is answered: its pair must not go on before.
   */
  fail(batch: Batch, code: number): void {
    const pair = batch.pair!
    this.#answer(batch, code)
    this.#guardBehind(pair, batch)
    if (batch.submission === null) this.remove(pair, batch)
  }

  remove(pair: Pair, batch: Batch): void {
    const wasHead = pair.queue.peek() === batch
    pair.queue.remove(batch)
    if (wasHead) this.#advance(pair)
  }

  /** The head is gone. Refused batches are answered when they get here, in their order. */
  #advance(pair: Pair, now?: number): void {
    for (let head = pair.queue.peek(); head; head = pair.queue.peek()) {
      if (head.refusal === 0) return this.makeReady(pair, now)
      pair.queue.shift()
      this.#answer(head, head.refusal)
      this.#guardBehind(pair, head)
    }
    this.#backoff.delete(pair)
    pair.state = 'idle'
    this.#producers.rest(pair)
  }

  /**
   * Never a hole: everything of that client behind a failed batch of an idempotent producer is answered 19,
   * in order, unsent; later arrivals meet the guard in `accept`.
   */
  #guardBehind(pair: Pair, failed: Batch): void {
    if (!failed.idempotent || failed.client.gone) return
    const guard = new Guard(failed)
    pair.guards ??= new Map()
    pair.guards.set(failed.client, guard)
    let behind = !pair.queue.has(failed)
    for (const batch of [...pair.queue]) {
      if (batch === failed) behind = true
      else if (behind && batch.client === failed.client && !guard.admits(batch)) {
        pair.queue.remove(batch)
        this.#answer(batch, Codes.NOT_ENOUGH_REPLICAS)
      }
      if (guard.lifted) break
    }
    if (guard.lifted) pair.guards.delete(failed.client)
  }

  #answer(batch: Batch, code: number, now = this.#clock.now()): void {
    batch.answered = true
    batch.errorCode = code
    batch.answeredAt = now
    this.#deadlines.remove(batch)
    batch.client.unanswered--
    batch.client.lastAnswerAt = batch.answeredAt
    if (batch.submission === null) batch.letGo()
    this.#observer.answered(batch)
    batch.waiter.answered(batch)
  }
}
