import { Errors } from '#protocol/errors.ts'
import { Log } from '#sandbox/log.ts'
import { ProducerStates } from '#sandbox/producer-states.ts'
import type { Topic } from '#sandbox/topic.ts'

/** Called with 0 when the records are replicated, or with the reason why they never will be. */
export type Replicated = (errorCode: number) => void

interface Waiter {
  /** What the high watermark must reach. */
  offset: number
  done: Replicated
}

/**
 * One partition: its log, its leader, what it knows of producers, and how far its followers are. There is one
 * log for all replicas, so a new leader has everything that the old one had.
 */
export class Partition {
  readonly topic: Topic
  readonly index: number
  readonly log: Log
  readonly producers = new ProducerStates()
  /** Broker ids; the first one is the preferred leader. */
  replicas: number[]
  /** Broker id, −1 for none. */
  leader: number
  leaderEpoch = 0
  /** Offset up to which all followers have the log: what consumers see, and what acks=all waits for. */
  highWatermark = 0
  /** How far the followers lag behind, in ms. */
  #lagMs = 0
  readonly #waiters = new Set<Waiter>()
  /** Brokers that were restarted while others led, and the end of the log at that time. */
  readonly #restarted = new Map<number, number>()

  constructor(topic: Topic, index: number, replicas: number[]) {
    this.topic = topic
    this.index = index
    this.replicas = replicas
    this.leader = replicas[0]!
    this.log = new Log(topic.cluster.retention)
  }

  /** @param bytes finished, and nobody else's. @returns the offset of its first record */
  append(bytes: Buffer): number {
    const { endOffset } = this.log
    this.log.append(bytes)
    if (this.#lagMs === 0) this.#replicatedTo(this.log.endOffset)
    else if (this.#lagMs < Number.POSITIVE_INFINITY) {
      const end = this.log.endOffset
      setTimeout(() => this.#replicatedTo(end), this.#lagMs).unref()
    }
    return endOffset
  }

  /**
   * Calls `done` once, when all replicas have everything below `offset`.
   * @returns takes the call back, for those who do not wait longer
   */
  whenReplicated(offset: number, done: Replicated): () => void {
    if (this.highWatermark >= offset) {
      done(Errors.NONE)
      return () => {}
    }
    const waiter = { offset, done }
    this.#waiters.add(waiter)
    return () => this.#waiters.delete(waiter)
  }

  lag(ms: number): void {
    this.#lagMs = ms
    if (ms === 0) this.#replicatedTo(this.log.endOffset)
  }

  /** @param broker id, or −1. Who waits for replication is told that the leader has moved. */
  moveTo(broker: number): void {
    if (broker === this.leader) return
    this.leader = broker
    this.leaderEpoch++
    const restartedAt = this.#restarted.get(broker)
    if (restartedAt !== undefined) this.producers.forgetBefore(restartedAt, Date.now())
    this.#restarted.delete(broker)
    this.#endWaiting(Errors.NOT_LEADER_OR_FOLLOWER)
  }

  /** A broker comes back: of the producers of before it knows the last batch only. */
  brokerRestarted(broker: number): void {
    if (!this.replicas.includes(broker)) return
    if (broker === this.leader) this.producers.forgetBefore(this.log.endOffset, Date.now())
    else this.#restarted.set(broker, this.log.endOffset)
  }

  deleted(): void {
    this.log.clear()
    this.#endWaiting(Errors.UNKNOWN_TOPIC_OR_PARTITION)
  }

  #replicatedTo(offset: number): void {
    if (offset <= this.highWatermark) return
    this.highWatermark = offset
    for (const waiter of this.#waiters) {
      if (waiter.offset > offset) continue
      this.#waiters.delete(waiter)
      waiter.done(Errors.NONE)
    }
  }

  #endWaiting(errorCode: number): void {
    for (const waiter of [...this.#waiters]) {
      this.#waiters.delete(waiter)
      waiter.done(errorCode)
    }
  }
}

/**
 * Whether a broker may serve a partition: 3 if there is none, 74 and 75 if the client knows another leader's
 * time (KIP-320), 6 if another broker leads it.
 *
 * @param broker its id
 * @param epoch the leader epoch that the client believes in, −1 for none
 */
export function accessError(partition: Partition | undefined, broker: number, epoch = -1): number {
  if (!partition) return Errors.UNKNOWN_TOPIC_OR_PARTITION
  if (epoch >= 0 && epoch < partition.leaderEpoch) return Errors.FENCED_LEADER_EPOCH
  if (epoch > partition.leaderEpoch) return Errors.UNKNOWN_LEADER_EPOCH
  return partition.leader === broker ? Errors.NONE : Errors.NOT_LEADER_OR_FOLLOWER
}
