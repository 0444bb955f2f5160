import { apis } from '#protocol/apis.ts'
import { finishFrame } from '#protocol/header.ts'
import { Writer } from '#protocol/writer.ts'
import type { ApiName, RequestBody } from '#test/support/raw-client.ts'

/**
 * One row of the equivalence table: requests that are sent one after the other on one connection, each after
 * the answer to the one before. Every row has partitions of its own, as many as it names: 0 and 1 of topic
 * `a`, 0 of topic `b`.
 * Other topics are named in full, and shared.
 */
export interface Case {
  name: string
  steps: Step[]
  /** On a new connection, after all brokers were stopped and started again. */
  afterRestart?: Step[]
}

export type Step = ProduceStep | CallStep | BurstStep | RawStep

export interface ProduceStep {
  kind: 'produce'
  version: number
  acks: number
  timeoutMs: number
  transactionalId: string | null
  topics: TopicEntries[]
  /** Behind the body, inside the frame. */
  trailing: Buffer
  /** Tagged fields of the request's last section. */
  tags: Buffer
}

export type TopicEntries = [topic: string | null, partitions: [index: number, records: Buffer | null][]]

export interface CallStep {
  kind: 'call'
  api: ApiName
  version: number
  body(own: Own): unknown
  /** The body names partitions 0 and 1 of topic a. */
  usesOwn: boolean
  /** Sent again until the answer is such: for what takes brokers a moment. */
  until?(answer: any): boolean
  /** The version whose bytes the answer has, where that is not the request's. */
  answerVersion?: number
}

/** Written at once, without waiting for answers in between. */
export interface BurstStep {
  kind: 'burst'
  requests: ProduceStep[]
}

export interface RawStep {
  kind: 'raw'
  /** Whole bytes, length prefix included. */
  bytes: Buffer
}

/** Where a row's own partitions are on a target. */
export interface Own {
  a: string
  b: string
  /** Partition 0 of topic a; 1 is the next. */
  first: number
  /** Partition 0 of topic b. */
  only: number
  /** How many partitions of each it has. */
  count: { a: number; b: number }
}

/** How many partitions of its own a row names. */
export function partitionsOf({ steps, afterRestart = [] }: Case): Own['count'] {
  const count = { a: 0, b: 0 }
  for (const step of [...steps, ...afterRestart]) {
    if (step.kind === 'call' && step.usesOwn) count.a = 2
    const requests = step.kind === 'burst' ? step.requests : step.kind === 'produce' ? [step] : []
    for (const [topic, partitions] of requests.flatMap(({ topics }) => topics)) {
      if (topic === 'b') count.b = 1
      if (topic === 'a') count.a = Math.max(count.a, partitions.some(([index]) => index === 1) ? 2 : 1)
    }
  }
  return count
}

export function produce(topics: TopicEntries[], more: Partial<ProduceStep> = {}): ProduceStep {
  const defaults = { version: 9, acks: -1, timeoutMs: 10_000, transactionalId: null }
  return { kind: 'produce', ...defaults, topics, trailing: Buffer.alloc(0), tags: Buffer.of(0), ...more }
}

/** One batch to partition 0 of topic a. */
export function one(records: Buffer | null, more: Partial<ProduceStep> = {}): ProduceStep {
  return produce([['a', [[0, records]]]], more)
}

export function call<N extends ApiName>(
  api: N,
  version: number,
  body: RequestBody<N> | ((own: Own) => RequestBody<N>),
  more: Pick<CallStep, 'answerVersion' | 'until'> = {},
): CallStep {
  const usesOwn = typeof body === 'function'
  const given = usesOwn ? (body as (own: Own) => unknown) : () => body
  return { kind: 'call', api, version, body: given, usesOwn, ...more }
}

export function burst(...requests: ProduceStep[]): BurstStep {
  return { kind: 'burst', requests }
}

export function raw(bytes: Buffer): RawStep {
  return { kind: 'raw', bytes }
}

/** Places of topics a and b, where a row names them by their letter. */
function place([topic, partitions]: TopicEntries, own: Own): TopicEntries {
  if (topic !== 'a' && topic !== 'b') return [topic, partitions]
  const isA = topic === 'a'
  // Beyond a row's own partitions there must be none at all.
  const at = (index: number): number => {
    if (index < 0 || index > (isA ? 1 : 0)) return index * 1000
    return isA ? own.first + index : own.only
  }
  return [own[topic], partitions.map(([index, records]) => [at(index), records])]
}

/** A Produce request frame, by hand: rows send what the codec refuses to write. */
export function produceFrame(step: ProduceStep, own: Own, correlationId: number): Buffer {
  const flexible = step.version >= apis.produce.flexibleFrom
  const writer = new Writer()
  writer.int32(0)
  writer.int16(apis.produce.key)
  writer.int16(step.version)
  writer.int32(correlationId)
  writer.nullableString('equivalence', false)
  if (flexible) writer.emptyTags()
  if (step.version >= 3) writer.nullableString(step.transactionalId, flexible)
  writer.int16(step.acks)
  writer.int32(step.timeoutMs)
  writer.arrayLength(step.topics.length, flexible)
  for (const entries of step.topics) {
    const [name, partitions] = place(entries, own)
    writer.nullableString(name, flexible)
    writer.arrayLength(partitions.length, flexible)
    for (const [index, records] of partitions) {
      writer.int32(index)
      writer.nullableBytes(records, flexible)
      if (flexible) writer.emptyTags()
    }
    if (flexible) writer.emptyTags()
  }
  if (flexible) writer.raw(step.tags)
  writer.raw(step.trailing)
  return finishFrame(writer)
}
