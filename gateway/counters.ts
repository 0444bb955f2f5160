import type { Batch } from '#batcher/batch.ts'
import type { Observer } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { CloseReason } from '#gateway/close-reasons.ts'
import type { ClusterCap } from '#gateway/cluster-cap.ts'
import type { PauseReason } from '#gateway/pauses.ts'
import { REST_MS } from '#gateway/rest.ts'
import type { Api } from '#protocol/apis.ts'
import type { TopicTotals } from '#status/contract.ts'
import { BUCKETS, bucketOf } from '#status/histogram.ts'
import type { AckDurations, Durations } from '#status/samples.ts'
import { OTHER } from '#status/top.ts'

/** Topics that a worker counts by name, per cluster; the rest is one. */
const COUNTED_TOPICS = 500
/** Versions of one API, at most. */
const VERSIONS = 32

/** What one worker has counted towards its clients since it started. */
export class ClientCounters {
  bytesRead = 0
  bytesWritten = 0
  connections = 0
  /** Requests read and not answered. */
  unanswered = 0
  readonly closed = new Map<CloseReason, number>()
  /** Batches refused before they reached an engine, by Kafka error code. */
  readonly refusals = new Map<number, number>()

  /** How often a connection ceased to be read, by what it waited for. */
  readonly heldBack = new Map<PauseReason, number>()
  readonly #requests = new Map<Api, Float64Array>()

  request(api: Api, version: number): void {
    let slots = this.#requests.get(api)
    if (!slots) this.#requests.set(api, (slots = new Float64Array(VERSIONS)))
    if (version >= 0 && version < VERSIONS) slots[version]!++
  }

  /** Requests read so far, by `<API name>/<version>`. */
  requests(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const [{ name }, slots] of this.#requests) {
      slots.forEach((count, version) => {
        if (count > 0) counts[`${name}/${version}`] = count
      })
    }
    return counts
  }

  heldBackBy(reason: PauseReason): void {
    this.heldBack.set(reason, (this.heldBack.get(reason) ?? 0) + 1)
  }

  refused(errorCode: number): void {
    this.refusals.set(errorCode, (this.refusals.get(errorCode) ?? 0) + 1)
  }

  closedFor(reason: CloseReason): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1)
  }
}

/** What one worker has counted for one cluster since it started. */
export class ClusterCounters implements Observer {
  readonly #cap: ClusterCap
  batchesIn = 0
  recordsIn = 0
  bytesIn = 0
  submissions = 0
  batchesSubmitted = 0
  acks = 0
  errors = 0
  retries = 0
  /** When a submission last left of which no batch had waited long enough for a rest, in ms. */
  urgentAt = Number.NEGATIVE_INFINITY
  readonly errorCodes = new Map<number, number>()
  readonly #gateway = new DurationSlots()
  readonly #upstream = new DurationSlots()
  readonly #total = new DurationSlots()
  readonly #topics = new Map<string, TopicTotals>()

  constructor(cap: ClusterCap) {
    this.#cap = cap
  }

  accepted(batch: Batch): void {
    const topic = this.#topicOf(batch)
    this.batchesIn++
    topic.batchesIn++
    // Of a refused batch not even the record count can be believed.
    if (batch.refusal !== 0) return
    this.recordsIn += batch.records
    this.bytesIn += batch.size
    topic.recordsIn += batch.records
    topic.bytesIn += batch.size
  }

  #topicOf({ topic }: Batch): TopicTotals {
    let totals = this.#topics.get(topic)
    if (totals) return totals
    const name = this.#topics.size < COUNTED_TOPICS ? topic : OTHER
    totals = this.#topics.get(name)
    if (totals) return totals
    this.#topics.set(name, (totals = { batchesIn: 0, recordsIn: 0, bytesIn: 0, acks: 0, errors: 0 }))
    return totals
  }

  topics(): Record<string, TopicTotals> {
    return Object.fromEntries(this.#topics)
  }

  durations(): AckDurations {
    return { gateway: this.#gateway.read(), upstream: this.#upstream.read(), total: this.#total.read() }
  }

  submitted(submission: Submission): void {
    this.submissions++
    this.batchesSubmitted += submission.batches.length
    const { batches, sentAt } = submission
    if (batches.every(({ wholeAt }) => sentAt - wholeAt < REST_MS)) this.urgentAt = sentAt
  }

  answered(batch: Batch): void {
    this.#cap.release(batch.size)
    const topic = this.#topicOf(batch)
    if (batch.errorCode === 0) {
      this.acks++
      topic.acks++
      const total = batch.answeredAt - batch.wholeAt
      const upstream = batch.answeredAt - batch.submittedAt
      this.#total.add(total)
      this.#upstream.add(upstream)
      this.#gateway.add(total - upstream)
      return
    }
    this.errors++
    topic.errors++
    this.errorCodes.set(batch.errorCode, (this.errorCodes.get(batch.errorCode) ?? 0) + 1)
  }

  retried(): void {
    this.retries++
  }
}

/** Durations so far, by bucket. */
class DurationSlots {
  readonly #counts = new Float64Array(BUCKETS)
  /** ms */
  #sum = 0

  add(ms: number): void {
    this.#counts[bucketOf(ms)]!++
    this.#sum += ms
  }

  read(): Durations {
    return { counts: [...this.#counts], sum: this.#sum }
  }
}
