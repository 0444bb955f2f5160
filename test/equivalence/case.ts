import { apis } from '#protocol/apis.ts'
import { finishFrame } from '#protocol/header.ts'
import { Writer } from '#protocol/writer.ts'
import type { ApiName, RequestBody } from '#test/support/raw-client.ts'

/**
 * One row of the equivalence table: requests that are sent one after the other on one connection, each after
 * the answer to the one before. Every row has partitions of its own: 0 and 1 of topic `a`, 0 of topic `b`.
 * Other topics are named in full, and shared.
 */
export interface Case {
  name: string
  steps: Step[]
}

export type Step = ProduceStep | CallStep | RawStep

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
  /** The version whose bytes the answer has, where that is not the request's. */
  answerVersion?: number
  /** How often it is sent, the last answer counting, until this field is 0: for what takes time at first. */
  until?: string
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
  /** Partition 0 of both; 1 of topic a is the next. */
  first: number
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
  const given = typeof body === 'function' ? (body as (own: Own) => unknown) : () => body
  return { kind: 'call', api, version, body: given, ...more }
}

export function raw(bytes: Buffer): RawStep {
  return { kind: 'raw', bytes }
}

/** Places of topics a and b, where a row names them by their letter. */
function place([topic, partitions]: TopicEntries, own: Own): TopicEntries {
  if (topic !== 'a' && topic !== 'b') return [topic, partitions]
  // Beyond a row's own partitions there must be none at all.
  const at = (index: number): number => (index === 0 || index === 1 ? own.first + index : index * 1000)
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
