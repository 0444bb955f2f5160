import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import {
  type FetchRequest,
  type FetchResponse,
  fetchRequest,
  fetchResponse,
} from '#protocol/messages/01-fetch.ts'
import type { Handler } from '#sandbox/handler.ts'
import { accessError, type Partition } from '#sandbox/partition.ts'
import type { Request } from '#sandbox/request.ts'

type Answer = FetchResponse['responses'][number]
type AskedPartition = FetchRequest['topics'][number]['partitions'][number]
type AnsweredPartition = Answer['partitions'][number]

const NO_BYTES = Buffer.alloc(0)
/** fetch.max.bytes of a broker. */
const MAX_BYTES = 55 * 1024 * 1024

/**
 * Fetch 4–11. Batches come as they are stored, up to the high watermark; the last may be cut off, as from a
 * file. Waits up to max_wait_ms for min_bytes. Left out: fetch sessions (every answer says session 0, which
 * clients take for "none"), followers, and isolation, as there are no transactions.
 */
export const fetch: Handler = {
  api: apis.fetch,
  served: apis.fetch.codec,
  handle(request) {
    const body = fetchRequest.decode(request.body, request.version)
    if (body.sessionEpoch > 0 || body.sessionEpoch < -1) {
      return request.respond(fetchResponse, { errorCode: Errors.FETCH_SESSION_ID_NOT_FOUND })
    }
    new FetchCall(request, body).answerOrWait()
  },
}

class FetchCall {
  readonly #request: Request
  readonly #body: FetchRequest
  readonly #deadline: number
  /** Takes back what was asked of the partitions. */
  #stopWaiting: (() => void)[] = []

  constructor(request: Request, body: FetchRequest) {
    this.#request = request
    this.#body = body
    this.#deadline = performance.now() + body.maxWaitMs
  }

  answerOrWait(): void {
    for (const stop of this.#stopWaiting.splice(0)) stop()
    const { responses, isEnough } = this.#read()
    const waitMs = this.#deadline - performance.now()
    if (isEnough || waitMs <= 0) return this.#request.respond(fetchResponse, { responses })
    const again = (): void => this.answerOrWait()
    const timer = setTimeout(again, waitMs).unref()
    this.#stopWaiting.push(() => clearTimeout(timer))
    for (const partition of this.#partitions()) {
      this.#stopWaiting.push(partition.whenReplicated(partition.highWatermark + 1, again))
    }
  }

  *#partitions(): Generator<Partition> {
    for (const { topic, partitions } of this.#body.topics) {
      for (const asked of partitions) {
        const partition = this.#request.cluster.partition(topic, asked.partition)
        if (partition) yield partition
      }
    }
  }

  #read(): { responses: Answer[]; isEnough: boolean } {
    const { topics, minBytes, maxBytes } = this.#body
    let left = Math.min(maxBytes, MAX_BYTES)
    let total = 0
    let failed = topics.length === 0
    const responses = topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((asked) => {
        const answer = this.#readPartition(topic, asked, left, total === 0)
        const length = answer.records?.length ?? 0
        total += length
        left = Math.max(0, left - length)
        failed ||= answer.errorCode !== 0
        return answer
      }),
    }))
    return { responses, isEnough: failed || total >= minBytes }
  }

  #readPartition(topic: string, asked: AskedPartition, left: number, isFirst: boolean): AnsweredPartition {
    const { cluster, broker } = this.#request
    const partition = cluster.partition(topic, asked.partition)
    const errorCode = accessError(partition, broker.id, asked.currentLeaderEpoch)
    if (!partition) return { ...failure(asked.partition, errorCode), abortedTransactions: [] }
    if (errorCode) return failure(asked.partition, errorCode)
    const { log, highWatermark } = partition
    const offset = Number(asked.fetchOffset)
    if (offset < log.startOffset || offset > log.endOffset) {
      return failure(asked.partition, Errors.OFFSET_OUT_OF_RANGE)
    }
    return {
      partitionIndex: asked.partition,
      errorCode,
      highWatermark: BigInt(highWatermark),
      lastStableOffset: BigInt(highWatermark),
      logStartOffset: BigInt(log.startOffset),
      abortedTransactions: this.#body.isolationLevel === 1 ? [] : null,
      preferredReadReplica: -1,
      records: readRecords(partition, offset, Math.min(asked.partitionMaxBytes, left), isFirst),
    }
  }
}

/** @param whole the first batch is given even if it is larger than `maxBytes` (KIP-74) */
function readRecords(partition: Partition, offset: number, maxBytes: number, whole: boolean): Buffer {
  const found: Buffer[] = []
  let length = 0
  partition.log.readFrom(offset, ({ bytes, lastOffset }) => {
    if (lastOffset >= partition.highWatermark) return false
    found.push(bytes)
    length += bytes.length
    return length < maxBytes
  })
  const first = found[0]
  if (!first || (first.length > maxBytes && !whole)) return NO_BYTES
  return Buffer.concat(found, Math.min(length, Math.max(maxBytes, first.length)))
}

function failure(partitionIndex: number, errorCode: number): AnsweredPartition {
  return {
    partitionIndex,
    errorCode,
    highWatermark: -1n,
    lastStableOffset: -1n,
    logStartOffset: -1n,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: NO_BYTES,
  }
}
