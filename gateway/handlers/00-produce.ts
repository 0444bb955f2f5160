import { type Acks, Batch, type Timing } from '#batcher/batch.ts'
import { deadlineOf } from '#batcher/limits.ts'
import type { Waiter } from '#batcher/ports.ts'
import { BATCH_OVERHEAD } from '#gateway/cluster-cap.ts'
import type { ClusterLink } from '#gateway/cluster-link.ts'
import type { FrameViews, Request } from '#gateway/request.ts'
import { isTopicName } from '#gateway/topic-name.ts'
import {
  type AnsweredPartition,
  encodeProduceResponse,
  type ProducePartition,
  type ProduceTopic,
  readProduceRequest,
} from '#protocol/produce-wire.ts'
import { type BatchFault, findBatchFault, hasHeader, producerIdHigh } from '#protocol/record-batch.ts'

/**
 * Routed: each batch goes to the cluster of its topic, and the request is answered when all its batches are.
 * Versions 3 to 12; 0 to 2 are listed (KAFKA-18659) but refused before they get here.
 */

/** What is wrong with an entry before its batch is looked at, with the error a broker would give. */
const FAULTS = {
  acks: { code: 21, reason: 'acks is none of -1, 0 and 1' },
  name: { code: 3, reason: 'no topic can have this name' },
  index: { code: 3, reason: 'no partition has a negative index' },
  route: { code: 17, reason: 'the topic has no route' },
  twice: { code: 42, reason: 'the partition is listed twice' },
  /** The cluster's batches hold as much memory as they may, and this connection must not wait for it. */
  full: { code: 19, reason: 'too much is waiting for the cluster' },
} as const satisfies Record<string, BatchFault>

export function handleProduce(request: Request): void {
  const { acks, timeoutMs, topics } = readProduceRequest(request.body, request.version)
  request.hold(request.body.elements * BATCH_OVERHEAD)
  const call = new ProduceCall(request, acks as Acks, timeoutMs, topics.length)
  const twice = listedTwice(topics)
  for (let at = 0; at < topics.length; at++) call.addTopic(at, topics[at]!, twice)
  call.allAdded()
}

/**
 * Partitions that the request lists more than once, as `topic/index`: a broker stores the last entry and
 * answers as if it were the only one, so the others would be lost with a success (broker-facts.md §2.1).
 */
function listedTwice(topics: readonly ProduceTopic[]): ReadonlySet<string> | null {
  if (topics.length === 1 && topics[0]!.partitions.length === 1) return null
  const seen = new Set<string>()
  let twice: Set<string> | null = null
  for (const { name, partitions } of topics) {
    for (const { index } of partitions) {
      const key = `${name}/${index}`
      if (seen.has(key)) (twice ??= new Set()).add(key)
      seen.add(key)
    }
  }
  return twice
}

function firstOfEach(partitions: readonly ProducePartition[]): readonly ProducePartition[] {
  const byIndex = new Map<number, ProducePartition>()
  for (const one of partitions) if (!byIndex.has(one.index)) byIndex.set(one.index, one)
  return [...byIndex.values()]
}

/** One Produce request of a client: waits for the answers of its batches and puts them together. */
class ProduceCall implements Waiter, FrameViews {
  readonly #request: Request
  readonly #acks: Acks
  readonly #timing: Timing
  readonly #topics: { name: string; partitions: AnsweredPartition[] }[]
  /** Batches not answered yet, and one for the request itself while it is being read. */
  #pending = 1
  /** The longest pause that an upstream asked for, by this request's share of it, in ms. */
  #throttleMs = 0
  /** Why an acks=0 request failed, in words. */
  #failure = ''

  /** @param topics how many will be added */
  constructor(request: Request, acks: Acks, timeoutMs: number, topics: number) {
    this.#topics = new Array(topics)
    const { maxAckWait } = request.connection.worker.limits
    this.#request = request
    request.views = this
    this.#acks = acks
    this.#timing = {
      arrivedAt: request.firstByteAt,
      wholeAt: request.wholeAt,
      deadline: deadlineOf(request, timeoutMs, maxAckWait),
    }
  }

  /** @param at its place among the topics of the request */
  addTopic(at: number, { name, partitions }: ProduceTopic, twice: ReadonlySet<string> | null): void {
    const entries = twice ? firstOfEach(partitions) : partitions
    const answers = new Array<AnsweredPartition>(entries.length)
    this.#topics[at] = { name, partitions: answers }
    const link = this.#request.connection.worker.linkFor(name)
    const fault = this.#faultOf(name, link)
    for (let i = 0; i < entries.length; i++) {
      const { index } = entries[i]!
      const own = index < 0 ? FAULTS.index : twice?.has(`${name}/${index}`) ? FAULTS.twice : null
      answers[i] = this.#addBatch(link, name, entries[i]!, fault ?? own)
    }
  }

  /** What is wrong with all entries of a topic. */
  #faultOf(name: string, link: ClusterLink | undefined): BatchFault | null {
    if (this.#acks !== -1 && this.#acks !== 0 && this.#acks !== 1) return FAULTS.acks
    if (link) return null
    return isTopicName(name) ? FAULTS.route : FAULTS.name
  }

  /**
   * A faulty batch of an idempotent producer is refused in its turn: the queue of its pair must know that
   * there is a hole. Where no partition can be, there is no queue either.
   */
  #addBatch(
    link: ClusterLink | undefined,
    topic: string,
    { index, records }: ProducePartition,
    given: BatchFault | null,
  ): AnsweredPartition {
    const fault = given ?? findBatchFault(records, this.#request.version)
    const idempotent = hasHeader(records) && producerIdHigh(records) >= 0
    if (!link || fault?.code === FAULTS.name.code || (fault && !idempotent)) {
      return this.#refusal(topic, index, fault ?? FAULTS.route)
    }
    const { engine, cap } = link
    const { connection } = this.#request
    const client = connection.clients.of(engine)
    const batch = new Batch(client, engine.partition(topic, index), this.#acks, records!, this.#timing, this)
    const refusal = fault ?? (cap.isFull && connection.mixed ? FAULTS.full : null)
    if (refusal) {
      batch.refusal = refusal.code
      batch.errorMessage = refusal.reason
    } else {
      const slot = connection.slot!
      slot.batchesIn++
      slot.recordsIn += batch.records
      slot.bytesIn += batch.size
    }
    this.#pending++
    cap.add(connection, batch.size)
    engine.accept(batch)
    return batch
  }

  #refusal(topic: string, index: number, { code, reason }: BatchFault): AnsweredPartition {
    this.#failure ||= `${topic}/${index}: error ${code}`
    const { slot, worker } = this.#request.connection
    worker.counters.refused(code)
    slot!.errors++
    return {
      index,
      errorCode: code,
      errorMessage: reason,
      baseOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset: -1,
      recordErrors: null,
    }
  }

  moved(from: Buffer, to: Buffer): void {
    for (const { partitions } of this.#topics) {
      for (const batch of partitions) {
        if (!(batch instanceof Batch) || batch.bytes.buffer !== from.buffer) continue
        const start = batch.bytes.byteOffset - from.byteOffset
        batch.bytes = to.subarray(start, start + batch.size)
      }
    }
  }

  answered(batch: Batch): void {
    if (batch.throttleMs > this.#throttleMs) this.#throttleMs = batch.throttleMs
    if (batch.errorCode !== 0) this.#onError(batch)
    this.#finishOne()
  }

  #onError({ topic, index, errorCode }: Batch): void {
    this.#request.connection.slot!.errors++
    this.#failure ||= `${topic}/${index}: error ${errorCode}`
  }

  /** The whole request has been read: from now on the last answer completes it. */
  allAdded(): void {
    this.#finishOne()
  }

  #finishOne(): void {
    if (--this.#pending > 0) return
    const request = this.#request
    if (this.#acks !== 0) {
      const { version, header } = request
      request.respond(encodeProduceResponse(version, header.correlationId, this.#topics, this.#throttleMs))
    } else if (this.#failure) request.closeInTurn(`acks=0, ${this.#failure}`)
    else request.finishSilently()
  }
}
