import type { ProduceResult, RecordError } from '#protocol/produce-wire.ts'

/** Why a batch, or with it a whole request, is refused. */
export class Refusal extends Error {
  readonly code: number
  /** Which records are at fault, where the broker says so. */
  recordErrors: RecordError[] | null = null
  /** Given for errors that brokers do not expect where they meet them. */
  logStartOffset = -1

  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }

  toResult(): ProduceResult {
    const { code, logStartOffset, recordErrors, message } = this
    // The words go to the client only where they belong to single records.
    return { ...refused(code), logStartOffset, recordErrors, errorMessage: recordErrors ? message : null }
  }
}

/** A result that says: not appended. */
export function refused(errorCode: number): ProduceResult {
  return {
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: null,
    errorMessage: null,
  }
}
