import type { Batch } from '#batcher/batch.ts'
import type { Observer } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { CloseReason } from '#gateway/close-reasons.ts'
import type { ClusterCap } from '#gateway/cluster-cap.ts'
import type { PauseReason } from '#gateway/pauses.ts'

/** What one worker has counted towards its clients since it started. */
export class ClientCounters {
  bytesRead = 0
  bytesWritten = 0
  connections = 0
  readonly closed = new Map<CloseReason, number>()
  /** Batches refused before they reached an engine, by Kafka error code. */
  readonly refusals = new Map<number, number>()

  /** How often a connection ceased to be read, by what it waited for. */
  readonly heldBack = new Map<PauseReason, number>()

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
  readonly errorCodes = new Map<number, number>()

  constructor(cap: ClusterCap) {
    this.#cap = cap
  }

  accepted(batch: Batch): void {
    this.batchesIn++
    // Of a refused batch not even the record count can be believed.
    if (batch.refusal !== 0) return
    this.recordsIn += batch.records
    this.bytesIn += batch.size
  }

  submitted(submission: Submission): void {
    this.submissions++
    this.batchesSubmitted += submission.batches.length
  }

  answered(batch: Batch): void {
    this.#cap.release(batch.size)
    if (batch.errorCode === 0) {
      this.acks++
      return
    }
    this.errors++
    this.errorCodes.set(batch.errorCode, (this.errorCodes.get(batch.errorCode) ?? 0) + 1)
  }

  retried(): void {
    this.retries++
  }
}
