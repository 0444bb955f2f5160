import { Errors } from '#protocol/errors.ts'

/**
 * What a partition remembers of each producer id: the broker's ProducerStateEntry and ProducerAppendInfo.
 *
 * The rules, as brokers were seen to follow them (broker-facts.md §1):
 *   same epoch, same first and last sequence as one of the last five batches   duplicate: its old offset
 *   an epoch lower than the newest one                                         47
 *   a higher epoch                                                             must begin at 0, else 45
 *   the same epoch                                                             must follow the last, else 45
 *   nothing known of the id (or its epoch is −1)                               any sequence
 */
const BATCHES_KEPT = 5
/** producer.id.expiration.ms */
const EXPIRATION_MS = 86_400_000
const NO_EPOCH = -1
const MAX_SEQUENCE = 0x7fffffff

export interface Sequenced {
  producerId: bigint
  epoch: number
  first: number
  /** Last sequence, wrapped at 2^31 − 1. */
  last: number
}

interface Kept {
  first: number
  last: number
  baseOffset: number
  /** The newest time of its records, which brokers give with a duplicate's answer. */
  timestamp: number
}

interface ProducerState {
  epoch: number
  /** Oldest first. */
  batches: Kept[]
}

export type Verdict =
  | { kind: 'append' }
  | { kind: 'duplicate'; baseOffset: number; timestamp: number }
  | Refusal
type Refusal = { kind: 'refuse'; code: number }

const APPEND: Verdict = { kind: 'append' }

export class ProducerStates {
  #states = new Map<bigint, ProducerState>()

  get size(): number {
    return this.#states.size
  }

  check({ producerId, epoch, first, last }: Sequenced): Verdict {
    const state = this.#states.get(producerId)
    if (!state) return epoch < NO_EPOCH ? refuse(Errors.INVALID_PRODUCER_EPOCH) : APPEND
    if (epoch === state.epoch) {
      const twin = state.batches.find((kept) => kept.first === first && kept.last === last)
      if (twin) return { kind: 'duplicate', baseOffset: twin.baseOffset, timestamp: twin.timestamp }
    }
    if (epoch < state.epoch) return refuse(Errors.INVALID_PRODUCER_EPOCH)
    if (state.epoch === NO_EPOCH) return APPEND
    const expected = epoch === state.epoch ? next(state.batches.at(-1)!.last) : 0
    return first === expected ? APPEND : refuse(Errors.OUT_OF_ORDER_SEQUENCE_NUMBER)
  }

  /** Remembers a batch that was appended. */
  add({ producerId, epoch, first, last }: Sequenced, baseOffset: number, timestamp: number): void {
    const state = this.#states.get(producerId)
    const kept = { first, last, baseOffset, timestamp }
    if (!state || state.epoch !== epoch) {
      this.#states.set(producerId, { epoch, batches: [kept] })
      return
    }
    state.batches.push(kept)
    if (state.batches.length > BATCHES_KEPT) state.batches.shift()
  }

  /**
   * What a broker knows after a restart, of the batches below `offset`: the last one of each producer. The
   * others are in no snapshot, so their re-sending gets 45 although they are in the log. A producer whose
   * newest records are a day old by their own time is forgotten altogether.
   */
  forgetBefore(offset: number, now: number): void {
    for (const [id, state] of this.#states) {
      const known = state.batches.findLastIndex((kept) => kept.baseOffset < offset)
      if (known > 0) state.batches.splice(0, known)
      if (now - state.batches.at(-1)!.timestamp >= EXPIRATION_MS) this.#states.delete(id)
    }
  }

  /** As after producer.id.expiration.ms. */
  clear(): void {
    this.#states = new Map()
  }
}

/** The last sequence of a batch that begins at `first`. */
export function lastSequence(first: number, lastOffsetDelta: number): number {
  const room = MAX_SEQUENCE - first
  return lastOffsetDelta > room ? lastOffsetDelta - room - 1 : first + lastOffsetDelta
}

function next(last: number): number {
  return last === MAX_SEQUENCE ? 0 : last + 1
}

function refuse(code: number): Refusal {
  return { kind: 'refuse', code }
}
