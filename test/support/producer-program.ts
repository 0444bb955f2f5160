import { setTimeout as sleep } from 'node:timers/promises'
import { splitLines } from '#test/support/processes.ts'
import {
  type Done,
  generatedValue,
  type Outcome,
  type ProducerSpec,
  type SentRecord,
  sentRecords,
} from '#test/support/producer-spec.ts'

/** What the producer programs in TypeScript share: the spec on stdin, the records, a line per outcome. */
export type Answer = Pick<Outcome, 'partition' | 'offset' | 'error' | 'code'>

let stdinClosed = false

export function readSpec(): Promise<ProducerSpec> {
  process.stdin.on('end', () => (stdinClosed = true))
  return new Promise((resolve) => splitLines(process.stdin, (line) => resolve(JSON.parse(line))))
}

/**
 * Sends what the spec says, one record per send, and prints how each send ended.
 *
 * @param inFlight sends under way at once, at most
 * @returns how many were sent
 */
export async function sendAll(
  spec: ProducerSpec,
  inFlight: number,
  send: (record: SentRecord) => Promise<Answer>,
): Promise<number> {
  const underWay = new Set<Promise<void>>()
  let count = 0
  for await (const record of spec.records ? sentRecords(spec) : generated(spec)) {
    const one: Promise<void> = sendOne(record, send).finally(() => underWay.delete(one))
    underWay.add(one)
    count++
    if (underWay.size >= inFlight) await Promise.race(underWay)
  }
  await Promise.all(underWay)
  return count
}

async function sendOne(record: SentRecord, send: (record: SentRecord) => Promise<Answer>): Promise<void> {
  const start = performance.now()
  const answer = await send(record)
  const timestamp = answer.error === null ? (record.timestamp ?? -1) : -1
  print({ id: record.id, topic: record.topic, timestamp, ...answer, ms: performance.now() - start })
}

async function* generated(spec: ProducerSpec): AsyncGenerator<SentRecord> {
  const { topics, count = Infinity, partitions, valueBytes, perSecond } = spec.generate!
  const closed = (): boolean => count === Infinity && stdinClosed
  const start = performance.now()
  for (let id = 0; id < count; id++) {
    const due = perSecond ? start + (id / perSecond) * 1000 : 0
    while (!closed() && performance.now() < due) await sleep(Math.min(50, due - performance.now()))
    if (closed()) return
    const topic = topics[id % topics.length]!
    const partition = partitions ? Math.floor(id / topics.length) % partitions : null
    const value = generatedValue(spec.name, topic, id, valueBytes)
    yield { id, topic, partition, key: null, value, headers: [], timestamp: null }
  }
}

export function print(line: Outcome | Done): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
