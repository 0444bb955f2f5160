import { Errors } from '#protocol/errors.ts'
import type {
  AnsweredPartition,
  ProduceBody,
  ProducePartition,
  ProduceResult,
} from '#protocol/produce-wire.ts'
import type { Partition } from '#sandbox/partition.ts'
import { checkShape } from '#sandbox/record-fields.ts'
import { Refusal, refused } from '#sandbox/refusal.ts'
import type { Request } from '#sandbox/request.ts'

/**
 * One partition of a Produce request, and in the end its answer. A request that lists a partition twice gets
 * one answer: the last batch that passes the first checks is appended, the others are lost, and a batch that
 * does not pass gives the answer.
 */
export class Entry {
  readonly topic: string
  readonly index: number
  /** Null where the client sent null. */
  records: Buffer | null = null
  isAccepted = false
  result: ProduceResult | null = null
  /** Where it was appended, if it was. */
  partition: Partition | null = null
  endOffset = -1

  constructor(topic: string, index: number) {
    this.topic = topic
    this.index = index
  }

  accept(records: Buffer | null): void {
    this.records = records
    this.isAccepted = true
  }

  /** The first checks' word stands, even if another batch for the partition was appended. */
  settle(result: ProduceResult, partition: Partition | null = null, endOffset = -1): void {
    this.result ??= result
    this.partition = partition
    this.endOffset = endOffset
  }
}

export class Entries {
  readonly #byTopic = new Map<string, Map<number, Entry>>()

  /** @throws Refusal of the whole request */
  constructor(request: Request | null, body: ProduceBody) {
    for (const { name, partitions } of body.topics) {
      for (const partition of partitions) {
        const entry = this.#entry(name, partition.index)
        if (request) check(request, entry, partition)
      }
    }
  }

  static allRefused(body: ProduceBody, { code, message }: Refusal): Entries {
    const entries = new Entries(null, body)
    for (const entry of entries) entry.settle({ ...refused(code), errorMessage: message || null })
    return entries
  }

  /** Those that passed the first checks, one per partition. */
  get accepted(): Entry[] {
    return [...this].filter(({ isAccepted }) => isAccepted)
  }

  get hasFailed(): boolean {
    return [...this].some(({ result }) => result!.errorCode !== Errors.NONE)
  }

  get byTopic(): { name: string; partitions: AnsweredPartition[] }[] {
    return [...this.#byTopic].map(([name, entries]) => ({
      name,
      partitions: [...entries.values()].map(({ index, result }) => ({ index, ...result! })),
    }))
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (const entries of this.#byTopic.values()) yield* entries.values()
  }

  #entry(topic: string, index: number): Entry {
    let entries = this.#byTopic.get(topic)
    if (!entries) this.#byTopic.set(topic, (entries = new Map()))
    let entry = entries.get(index)
    if (!entry) entries.set(index, (entry = new Entry(topic, index)))
    return entry
  }
}

function check({ cluster, version }: Request, entry: Entry, { index, records }: ProducePartition): void {
  if (!cluster.partition(entry.topic, index)) {
    entry.result = refused(Errors.UNKNOWN_TOPIC_OR_PARTITION)
    return
  }
  try {
    if (records !== null) checkShape(records, version)
    entry.accept(records)
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === Errors.UNKNOWN_SERVER_ERROR) throw error
    entry.result = error.toResult()
  }
}
