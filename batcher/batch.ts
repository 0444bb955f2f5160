import type { Client } from '#batcher/client.ts'
import type { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'
import type { Waiter } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { ProduceResult, RecordError } from '#protocol/produce-wire.ts'
import {
  baseSequence,
  producerEpoch,
  producerIdHigh,
  producerIdLow,
  recordsCount,
} from '#protocol/record-batch.ts'

/** What a client asked to be told: by all in-sync replicas, by the leader, or not at all. */
export type Acks = -1 | 0 | 1

/** Submissions never mix the two: `all`, and `leader` (1, and 0 sent as 1 with its answer dropped). */
export const ACKS_ALL = 0
export const ACKS_LEADER = 1
export type AcksClass = typeof ACKS_ALL | typeof ACKS_LEADER

const NO_BYTES = Buffer.alloc(0)

/** When a frame came and until when its batches must be answered; all in ms of the engine's clock. */
export interface Timing {
  /** Its first byte, or the start of the pause that it waited behind. */
  readonly arrivedAt: number
  /** Its last byte. */
  readonly wholeAt: number
  readonly deadline: number
}

/**
 * One preserved record batch: where it goes, who waits for it, and what became of it.
 * `bytes` are never changed; they are let go with the answer.
 */
export class Batch implements ProduceResult {
  readonly client: Client
  readonly partition: Partition
  readonly acks: Acks
  readonly waiter: Waiter
  /** Shared by all batches of a request. */
  readonly timing: Timing
  bytes: Buffer
  /** Its bytes; kept when `bytes` are let go. */
  readonly size: number

  readonly idHigh: number
  readonly idLow: number
  readonly epoch: number
  readonly baseSequence: number
  readonly records: number

  pair: Pair | null = null
  /** The submission it rides in, null while it waits. */
  submission: Submission | null = null
  /** An attempt has ended without telling whether the upstream appended it. */
  outcomeUnknown = false
  attempts = 0
  answered = false
  /** Refused before it reached the engine; it still takes its place in its pair's queue. */
  refusal = 0

  /** The answer: error, offset and times as the upstream gave them. */
  errorCode = 0
  baseOffset = -1
  logAppendTimeMs = -1
  logStartOffset = -1
  recordErrors: RecordError[] | null = null
  errorMessage: string | null = null
  /** Times of the last submission, for the split between gateway and upstream latency. */
  submittedAt = -1
  answeredAt = -1
  /** This batch's share of the pause that the upstream asked for, in ms. */
  throttleMs = 0

  /** The one behind it in its pair's queue. */
  next: Batch | null = null
  /** Links of the deadline list. */
  earlier: Batch | null = null
  later: Batch | null = null

  constructor(
    client: Client,
    partition: Partition,
    acks: Acks,
    bytes: Buffer,
    timing: Timing,
    waiter: Waiter,
  ) {
    this.client = client
    this.partition = partition
    this.acks = acks
    this.waiter = waiter
    this.timing = timing
    this.bytes = bytes
    this.size = bytes.length
    this.idHigh = producerIdHigh(bytes)
    this.idLow = producerIdLow(bytes)
    this.epoch = producerEpoch(bytes)
    this.baseSequence = baseSequence(bytes)
    this.records = recordsCount(bytes)
  }

  get arrivedAt(): number {
    return this.timing.arrivedAt
  }

  get wholeAt(): number {
    return this.timing.wholeAt
  }

  get deadline(): number {
    return this.timing.deadline
  }

  get topic(): string {
    return this.partition.topic
  }

  get index(): number {
    return this.partition.index
  }

  /** Carries a producer id, so a broker finds duplicates of it. */
  get idempotent(): boolean {
    return this.idHigh >= 0
  }

  get acksClass(): AcksClass {
    return this.acks === -1 ? ACKS_ALL : ACKS_LEADER
  }

  /** The upstream's answer is the client's. */
  take(result: ProduceResult): void {
    this.errorCode = result.errorCode
    this.baseOffset = result.baseOffset
    this.logAppendTimeMs = result.logAppendTimeMs
    this.logStartOffset = result.logStartOffset
    this.recordErrors = result.recordErrors
    this.errorMessage = result.errorMessage
  }

  letGo(): void {
    this.bytes = NO_BYTES
  }
}
