import { Errors } from '#protocol/errors.ts'
import type { RecordError } from '#protocol/produce-wire.ts'
import * as header from '#sandbox/batch-header.ts'
import { AT } from '#sandbox/batch-header.ts'
import { InvalidRecords, UnexpectedBytes, walkRecords } from '#sandbox/records.ts'
import { Refusal } from '#sandbox/refusal.ts'
import type { Topic } from '#sandbox/topic.ts'

/** Further ahead is refused (message.timestamp.after.max.ms of Kafka 4; 3.9 had no bound). */
const MAX_AHEAD_MS = 3_600_000
const NO_TIMESTAMP = -1

/**
 * Checks the records of a batch, and finds the time that its header must name as the newest: that of a record,
 * or now, where the topic goes by the broker's clock.
 *
 * Compressed records are not opened: their number, their form and their keys are not checked, and the header is
 * believed as to their newest time.
 *
 * @throws Refusal
 */
export function newestTimestamp(topic: Topic, batch: Buffer, now: number): number {
  const checks = new RecordChecks(topic, batch, now)
  if (header.codecOf(batch) === 0) walk(batch, checks)
  else checks.time(header.readLong(batch, AT.maxTimestamp), batch.readInt32BE(AT.count) - 1)
  return checks.finish()
}

function walk(batch: Buffer, checks: RecordChecks): void {
  const base = header.readLong(batch, AT.baseTimestamp)
  const byBroker = header.isLogAppendTime(batch)
  const newest = header.readLong(batch, AT.maxTimestamp)
  try {
    walkRecords(batch, (record, index) => {
      if (!record.hasKey && checks.keyIsMissing(index)) return
      checks.time(byBroker ? newest : base + record.timestampDelta, index)
    })
  } catch (error) {
    if (error instanceof InvalidRecords) throw new Refusal(Errors.INVALID_RECORD, error.message)
    if (error instanceof UnexpectedBytes) throw new Refusal(Errors.UNKNOWN_SERVER_ERROR, error.message)
    throw error
  }
}

class RecordChecks {
  readonly #topic: Topic
  readonly #now: number
  readonly #byBroker: boolean
  readonly #errors: RecordError[] = []
  #onlyTimes = true
  #newest = NO_TIMESTAMP

  constructor(topic: Topic, batch: Buffer, now: number) {
    this.#topic = topic
    this.#now = now
    this.#byBroker = header.isLogAppendTime(batch)
  }

  keyIsMissing(batchIndex: number): boolean {
    if (!this.#topic.settings.compacted) return false
    this.#onlyTimes = false
    this.#errors.push({ batchIndex, message: 'Compacted topic cannot accept message without key.' })
    return true
  }

  time(timestamp: number, batchIndex: number): void {
    if (timestamp > this.#newest) this.#newest = timestamp
    const fault = this.#timeFault(timestamp)
    if (fault) this.#errors.push({ batchIndex, message: fault })
  }

  #timeFault(timestamp: number): string | null {
    if (!this.#topic.settings.logAppendTime && timestamp !== NO_TIMESTAMP) {
      return timestamp - this.#now > MAX_AHEAD_MS ? `Timestamp ${timestamp} is too far ahead.` : null
    }
    return this.#byBroker ? 'Invalid timestamp type: clients send CreateTime.' : null
  }

  finish(): number {
    if (this.#errors.length > 0) {
      const code = this.#onlyTimes ? Errors.INVALID_TIMESTAMP : Errors.INVALID_RECORD
      const refusal = new Refusal(code, `${this.#errors.length} records are refused`)
      refusal.recordErrors = this.#errors
      throw refusal
    }
    return this.#topic.settings.logAppendTime ? this.#now : this.#newest
  }
}
