import { Errors } from '#protocol/errors.ts'
import type { Entry } from '#sandbox/produce-entries.ts'

/**
 * acks=all: one wait for the whole request (broker-facts.md §2.4). It is over when the replicas have all that
 * was appended, or after `timeoutMs`; what is still missing then is answered 7, with its offset. A leader that
 * moves away meanwhile answers 6, with the offset, too.
 *
 * @param done called once, now or later
 */
export function afterReplication(entries: readonly Entry[], timeoutMs: number, done: () => void): void {
  const waiting = new Map<Entry, () => void>()
  const missing = entries.filter(
    ({ partition, endOffset }) => partition && partition.highWatermark < endOffset,
  )
  if (missing.length === 0) return done()
  const settle = (entry: Entry, errorCode: number): void => {
    entry.result = { ...entry.result!, errorCode: entry.result!.errorCode || errorCode }
  }
  const timer = setTimeout(
    () => {
      for (const [entry, stop] of waiting) {
        stop()
        settle(entry, Errors.REQUEST_TIMED_OUT)
      }
      done()
    },
    Math.max(0, timeoutMs),
  ).unref()
  for (const entry of missing) {
    const stop = entry.partition!.whenReplicated(entry.endOffset, (errorCode) => {
      settle(entry, errorCode)
      waiting.delete(entry)
      if (waiting.size > 0) return
      clearTimeout(timer)
      done()
    })
    waiting.set(entry, stop)
  }
}
