import { PairTable } from '#batcher/pair-table.ts'

/**
 * Who gives batches their order: a producer id, or for batches without one the client connection. It is its own
 * table of pairs: one place less to fetch from memory for each batch.
 */
export class Producer extends PairTable {
  /** '' for the producer that a connection itself is. */
  readonly key: string
  readonly idHigh: number
  readonly idLow: number
  /** Client connections that have it in use. */
  users: number

  constructor(key: string, idHigh: number, idLow: number, users = 0) {
    super()
    this.key = key
    this.idHigh = idHigh
    this.idLow = idLow
    this.users = users
  }

  is(idHigh: number, idLow: number): boolean {
    return this.idLow === idLow && this.idHigh === idHigh
  }
}

/** One client connection as the engine of one cluster sees it. */
export class Client {
  readonly anonymous = new Producer('', -1, -1, 1)
  /** Producer ids it has used, the last used first; nearly always one. */
  readonly producers: Producer[] = []
  /** Batches accepted and not answered. */
  unanswered = 0
  lastAnswerAt = Number.NEGATIVE_INFINITY
  gone = false
}
