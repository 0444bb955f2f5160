import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertCriterion,
  type Ledger,
  ledgerOf,
  type Violation,
  violations,
} from '#test/support/criterion.ts'
import type { LogRecord } from '#test/support/java-client.ts'
import type { Outcome, ProducerSpec, SentRecord } from '#test/support/producer-spec.ts'

const SPEC: ProducerSpec = { name: 'p', bootstrap: '', generate: { topics: ['t'], count: 4, partitions: 2 } }

/** Four records, 0 and 2 in partition 0, 1 and 3 in partition 1, all acknowledged and stored. */
function allWell(): { ledger: Ledger; log: LogRecord[] } {
  const ledger = ledgerOf(SPEC, [])
  ledger.outcomes = ledger.sent.map((sent) => acked(sent, Math.floor(sent.id / 2)))
  return { ledger, log: ledger.sent.map((sent) => stored(sent, Math.floor(sent.id / 2))) }
}

function acked({ id, topic, partition }: SentRecord, offset: number): Outcome {
  return { id, topic, partition, offset, timestamp: 0, error: null, code: null, ms: 5 }
}

function stored(sent: SentRecord, offset: number): LogRecord {
  return { ...sent, partition: sent.partition ?? 0, offset, timestamp: 1, timestampType: 'CreateTime' }
}

function found(ledger: Ledger, log: LogRecord[]): string[] {
  return told(violations([ledger], { clusters: { c: log } }))
}

function told(list: Violation[]): string[] {
  return list.map(({ rule, id }) => `${rule}${id ?? ''}`)
}

test('nothing is found where all is well', () => {
  const { ledger, log } = allWell()
  assert.deepEqual(found(ledger, log), [])
  assertCriterion([ledger], { clusters: { c: log } })
})

test('(a) an acknowledged record is missing', () => {
  const { ledger, log } = allWell()
  assert.deepEqual(found(ledger, log.slice(0, 3)), ['a3'])
  assert.throws(() => assertCriterion([ledger], { clusters: { c: log.slice(0, 3) } }), /\(a\) p #3: .*t-1/)
})

test('(a) an acknowledged record is at another offset', () => {
  const { ledger, log } = allWell()
  ledger.outcomes[3]!.offset = 7
  assert.deepEqual(found(ledger, log), ['a3'])
})

test('(a) an acknowledgement without an offset is enough, and acks=0 promises nothing', () => {
  const { ledger, log } = allWell()
  ledger.outcomes[3]!.offset = -1
  assert.deepEqual(found(ledger, log), [])
  assert.deepEqual(found(ledger, log.slice(0, 3)), ['a3'])
  assert.deepEqual(found({ ...ledger, unacknowledged: true }, log.slice(0, 3)), [])
})

test('(a) an acknowledged record is in another partition than was told', () => {
  const { ledger, log } = allWell()
  ledger.sent[3]!.partition = null
  ledger.outcomes[3]!.partition = 0
  assert.deepEqual(found(ledger, log), ['a3'])
})

test('(b) a record is there twice', () => {
  const { ledger, log } = allWell()
  log.push(stored(ledger.sent[3]!, 2))
  assert.deepEqual(found(ledger, log), ['b3'])
  assert.deepEqual(found({ ...ledger, idempotent: false }, log), [])
})

test('(c) two records of a partition have changed places', () => {
  const { ledger, log } = allWell()
  log[1]!.offset = 1
  log[3]!.offset = 0
  ledger.outcomes[1]!.offset = 1
  ledger.outcomes[3]!.offset = 0
  assert.deepEqual(found(ledger, log), ['c3'])
  assert.deepEqual(found({ ...ledger, idempotent: false }, log), [])
  assert.deepEqual(found({ ...ledger, idempotent: false, ordered: true }, log), ['c3'])
})

test('(c) only the first appearance of a record counts', () => {
  const { ledger, log } = allWell()
  log.push(stored(ledger.sent[1]!, 2))
  assert.deepEqual(found({ ...ledger, idempotent: false, ordered: true }, log), [])
})

test('(d) a record is in another partition or topic', () => {
  const { ledger, log } = allWell()
  log.push({ ...stored(ledger.sent[3]!, 2), partition: 0 })
  assert.deepEqual(found({ ...ledger, idempotent: false }, log), ['d3'])
  log.at(-1)!.partition = 1
  log.at(-1)!.topic = 'other'
  assert.deepEqual(found({ ...ledger, idempotent: false }, log), ['d3'])
})

test('(d) a record is in another cluster', () => {
  const { ledger, log } = allWell()
  const clusters = { c: log.slice(0, 3), wrong: [stored(ledger.sent[3]!, 1)] }
  assert.deepEqual(told(violations([ledger], { clusters, clusterOf: () => 'c' })), ['d3'])
  assert.throws(() => violations([ledger], { clusters }), /clusterOf/)
})

test('(d) something is there that nobody sent, or that was changed', () => {
  const { ledger, log } = allWell()
  log.push({ ...stored(ledger.sent[0]!, 2), value: Buffer.from('who?') })
  assert.deepEqual(found(ledger, log), ['d'])
  log.pop()
  const value = Buffer.from(log[3]!.value!)
  value[20]! ^= 1
  log[3] = { ...log[3]!, value }
  assert.deepEqual(found(ledger, log), ['d', 'a3'])
})

test('(d) a key, a header or a null was changed', () => {
  for (const change of [
    { key: Buffer.alloc(0) },
    { value: null },
    { headers: [['h', null]] },
  ] as Partial<LogRecord>[]) {
    const { ledger, log } = allWell()
    log[3] = { ...log[3]!, ...change }
    assert.deepEqual(found(ledger, log), ['d', 'a3'])
  }
})

test('(d) a timestamp that was given was changed, unless the topic sets its own', () => {
  const { ledger, log } = allWell()
  ledger.sent[3]!.timestamp = 2
  assert.deepEqual(found(ledger, log), ['d3'])
  log[3]!.timestampType = 'LogAppendTime'
  assert.deepEqual(found(ledger, log), [])
})

test('(e) a record is there whose send surely failed', () => {
  const { ledger, log } = allWell()
  ledger.outcomes[3] = { ...ledger.outcomes[3]!, offset: -1, error: 'MESSAGE_TOO_LARGE', code: 10 }
  assert.deepEqual(found(ledger, log), ['e3'])
  assert.deepEqual(found(ledger, log.slice(0, 3)), [])
})

test('(e) a refusal counts only if it was the only attempt', () => {
  const { ledger, log } = allWell()
  ledger.outcomes[3] = { ...ledger.outcomes[3]!, offset: -1, error: 'NOT_ENOUGH_REPLICAS', code: 19 }
  assert.deepEqual(found(ledger, log), [])
  assert.deepEqual(found({ ...ledger, oneAttempt: true }, log), ['e3'])
  ledger.outcomes[3]!.code = null
  assert.deepEqual(found({ ...ledger, oneAttempt: true }, log), [])
})

test('(f) a send never ended, ended twice, ended late, or was never sent', () => {
  const { ledger, log } = allWell()
  const [first] = ledger.outcomes.splice(3, 1)
  assert.deepEqual(found(ledger, log), ['f3'])
  ledger.outcomes.push(first!, first!)
  assert.deepEqual(found(ledger, log), ['f3'])
  ledger.outcomes.pop()
  ledger.timeoutMs = 5
  assert.deepEqual(found(ledger, log), [])
  first!.ms = 6
  assert.deepEqual(found(ledger, log), ['f3'])
  first!.ms = 5
  ledger.outcomes.push({ ...first!, id: 99 })
  assert.deepEqual(found(ledger, log), ['f99'])
})

test('records that look alike are refused, not guessed', () => {
  const { ledger, log } = allWell()
  ledger.sent[1]!.value = ledger.sent[0]!.value
  assert.throws(() => found(ledger, log), /p #0 and p #1/)
})
