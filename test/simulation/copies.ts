import type { Acks, Batch } from '#batcher/batch.ts'
import type { Waiter } from '#batcher/ports.ts'
import { encodeBatch } from '#test/simulation/batch-bytes.ts'
import type { Entry, PartitionLog } from '#test/simulation/partition-log.ts'
import type { World } from '#test/simulation/world.ts'

export interface ProducerId {
  high: number
  low: number
}

/** One client on one partition, as the client keeps its book. */
export class ClientPair {
  readonly client: number
  readonly log: PartitionLog
  readonly producerId: ProducerId | null
  epoch = 0
  nextNumber = 0
  nextSequence: number
  /** In order of sending, done ones left out. */
  pending: Out[] = []
  inFlight = 0
  /** Once nothing is in flight, the epoch goes up and sequences begin anew. */
  needsBump = false
  /** The client has given up a batch that had a sequence: from then on 45 is its own doing. */
  hasDropped = false
  /** All batches, in order of sending. */
  readonly all: Out[] = []

  constructor(client: number, log: PartitionLog, producerId: ProducerId | null, firstSequence: number) {
    this.client = client
    this.log = log
    this.producerId = producerId
    this.nextSequence = firstSequence
  }

  bump(): void {
    this.needsBump = false
    this.epoch++
    this.nextSequence = 0
    for (const out of this.pending) if (out.sequence >= 0) out.numberAnew()
  }
}

/**
 * `held`: one before it has failed and its client cannot know yet. `passes`: nothing has failed, or the client
 * has shown that it knows. `either`: the failed one has come again, but others that were held are missing.
 */
export type Guarded = 'held' | 'passes' | 'either'

export type Outcome = 'open' | 'acked' | 'failed' | 'dropped' | 'unacknowledged'

/** A batch that a client wants stored. */
export class Out {
  readonly pair: ClientPair
  readonly number: number
  readonly records: number
  readonly size: number
  readonly madeAt: number
  /** The broker refuses it with this code, always; 0 for a sound one. */
  readonly poison: number
  sequence = -1
  epoch = -1
  bytes: Buffer | null = null
  state: 'queued' | 'inFlight' | 'done' = 'queued'
  outcome: Outcome = 'open'
  attempts = 0
  retryAt = 0
  readonly copies: Copy[] = []

  constructor(pair: ClientPair, shape: { records: number; size: number; poison: number }, madeAt: number) {
    this.pair = pair
    this.number = pair.nextNumber++
    this.records = shape.records
    this.size = shape.size
    this.poison = shape.poison
    this.madeAt = madeAt
    pair.all.push(this)
    pair.pending.push(this)
  }

  numberAnew(): void {
    const { pair } = this
    this.sequence = pair.nextSequence
    this.epoch = pair.epoch
    pair.nextSequence = (pair.nextSequence + this.records) % 2 ** 31
    this.#encode()
  }

  /** The bytes to send; made once for each epoch. */
  encoded(): Buffer {
    if (this.bytes === null) {
      if (this.pair.producerId) this.numberAnew()
      else this.#encode()
    }
    return this.bytes!
  }

  finish(outcome: Outcome): void {
    this.outcome = outcome
    this.state = 'done'
    const { pending } = this.pair
    const at = pending.indexOf(this)
    if (at >= 0) pending.splice(at, 1)
  }

  #encode(): void {
    const { pair, epoch, sequence, records, number, size } = this
    const { topicNumber: topic, index: partition } = pair.log
    const header = { producerId: pair.producerId, epoch, sequence, records }
    this.bytes = encodeBatch({ client: pair.client, topic, partition, number }, header, size)
  }
}

/** A batch as it was sent once, in one frame on one connection. */
export class Copy implements Waiter {
  readonly out: Out
  readonly bytes: Buffer
  readonly acks: Acks
  readonly epoch: number
  readonly sequence: number
  readonly number: number
  readonly world: World
  /** What the gateway itself finds wrong with it, 0 = nothing. */
  refusal = 0
  batch: Batch | null = null
  /** What rule 4 says of it when it comes. */
  guarded: Guarded = 'passes'
  /** Called once with the answer. */
  onAnswered: (copy: Copy) => void = () => {}
  acceptedAt = -1
  /** Counts what nodes have accepted, so that two of the same moment can be told apart. */
  place = -1
  answeredAt = -1
  errorCode = 0
  baseOffset = -1
  /** Times it stood in a submission. */
  sends = 0
  /** Codes that brokers have answered for it, as the engine was told; of 0 the offsets too. */
  readonly heard = new Set<number>()
  readonly heardOffsets = new Set<number>()
  /** An attempt has ended without a word on its fate. */
  unknown = false
  /** The client's connection ended before it had an answer. */
  unheard = false
  /** What its append made. */
  entry: Entry | null = null

  constructor(out: Out, acks: Acks, world: World) {
    this.out = out
    this.bytes = out.encoded()
    this.acks = acks
    this.epoch = out.epoch
    this.sequence = out.sequence
    this.number = out.copies.length
    this.world = world
    out.copies.push(this)
  }

  get idempotent(): boolean {
    return this.out.pair.producerId !== null
  }

  answered(batch: Batch): void {
    if (batch !== this.batch) this.world.fail('answer', `${this} was answered with another batch`)
    if (this.answeredAt >= 0) this.world.fail('answered once', `${this} was answered again`)
    this.answeredAt = this.world.now
    this.errorCode = batch.errorCode
    this.baseOffset = batch.baseOffset
    this.onAnswered(this)
  }

  /** The broker has it in its log; as a duplicate it was there before. */
  appended(entry: Entry, duplicate: boolean): void {
    if (duplicate) return
    const twice = this.entry !== null && !(this.idempotent && this.entry.lost)
    if (twice) this.world.fail('b', `${this} was appended a second time`)
    this.entry = entry
    if (this.answeredAt >= 0 && surelyNotStored(this)) {
      this.world.fail('e', `${this} was appended after the answer ${this.errorCode}`)
    }
  }

  toString(): string {
    const { pair, number } = this.out
    const sequence = this.idempotent ? ` sequence ${this.sequence} epoch ${this.epoch}` : ''
    return `c${pair.client}#${number}${this.number ? `'${this.number}` : ''} (${pair.log.name}${sequence})`
  }
}

/** Codes that say that the batch is not in the log and will not be. */
const NOT_STORED = new Set([3, 5, 6, 9, 10, 17, 19, 42, 53, 74, 87])

export function surelyNotStored({
  errorCode,
  baseOffset,
}: {
  errorCode: number
  baseOffset: number
}): boolean {
  return NOT_STORED.has(errorCode) && baseOffset < 0
}
