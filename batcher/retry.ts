import type { Batch } from '#batcher/batch.ts'

/**
 * What an upstream answer means for a batch.
 *
 * `leader`: surely not appended, another broker leads; ask who does and send it there.
 * `again`: surely not appended, the same broker may take it in a moment.
 * `unknown`: it may be in the log or not; only a batch with a producer id may be sent again.
 * `final`: the client's to know.
 */
export type Verdict = 'stored' | 'leader' | 'again' | 'unknown' | 'final'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const NOT_LEADER_OR_FOLLOWER = 6
const REQUEST_TIMED_OUT = 7
const REPLICA_NOT_AVAILABLE = 9
const NETWORK_EXCEPTION = 13
const INVALID_TOPIC = 17
const NOT_ENOUGH_REPLICAS = 19
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
const NOT_AUTHORIZED = 29
const KAFKA_STORAGE_ERROR = 56
const FENCED_LEADER_EPOCH = 74

export const Codes = {
  REQUEST_TIMED_OUT,
  NOT_ENOUGH_REPLICAS,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  UNKNOWN_TOPIC_OR_PARTITION,
} as const

/**
 * An error with base offset -1 was raised before the append, with a real offset after it: NOT_LEADER can be
 * either (kafka.md §1.2). KAFKA_STORAGE_ERROR is unknown even without an offset.
 */
export function judge(errorCode: number, baseOffset: number): Verdict {
  switch (errorCode) {
    case 0:
      return 'stored'
    case UNKNOWN_TOPIC_OR_PARTITION:
    case LEADER_NOT_AVAILABLE:
    case NOT_LEADER_OR_FOLLOWER:
    case REPLICA_NOT_AVAILABLE:
    case FENCED_LEADER_EPOCH:
      return baseOffset < 0 ? 'leader' : 'unknown'
    case NOT_ENOUGH_REPLICAS:
      return baseOffset < 0 ? 'again' : 'unknown'
    case REQUEST_TIMED_OUT:
    case NETWORK_EXCEPTION:
    case NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_STORAGE_ERROR:
      return 'unknown'
    default:
      return 'final'
  }
}

/** Metadata errors that end the waiting for a leader: the cluster will not take this topic. */
export function isRefusal(errorCode: number): boolean {
  return (
    errorCode === UNKNOWN_TOPIC_OR_PARTITION || errorCode === INVALID_TOPIC || errorCode === NOT_AUTHORIZED
  )
}

/** May the same bytes be sent again after this verdict? Never a duplicate made by us. */
export function mayRetry(verdict: Verdict, batch: Batch): boolean {
  return verdict === 'leader' || verdict === 'again' || (verdict === 'unknown' && batch.idempotent)
}

const FIRST_BACKOFF_MS = 20
const LAST_BACKOFF_MS = 1000

/** Milliseconds before attempt number `attempts` + 1: doubling from 20 ms to 1 s, less up to a half of it. */
export function backoffMs(attempts: number, random: number): number {
  const full = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10))
  return full * (1 - random / 2)
}

/**
 * What a client is told of an upstream's error that is not retried any more, because it must not be or the
 * time is over. Errors of leadership are ours to mend, so no client reads them (a 3 of one broker that is
 * behind would be final for librdkafka); what nobody knows is 7, whatever the broker calls it.
 */
export function finalCode(verdict: Verdict, code: number, batch: Batch): number {
  if (verdict === 'leader' || verdict === 'again') return expiryCode(batch)
  if (verdict === 'unknown' && code !== NOT_ENOUGH_REPLICAS_AFTER_APPEND) return REQUEST_TIMED_OUT
  return code
}

/** What a batch is told whose time is over. Never sent, or surely not appended: 19. Else nobody knows: 7. */
export function expiryCode(batch: Batch): number {
  return batch.outcomeUnknown || batch.submission !== null ? REQUEST_TIMED_OUT : NOT_ENOUGH_REPLICAS
}
