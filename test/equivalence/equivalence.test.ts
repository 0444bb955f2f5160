import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import { idempotentCases } from '#test/equivalence/cases/idempotent.ts'
import { otherCases } from '#test/equivalence/cases/other-apis.ts'
import { poisonCases } from '#test/equivalence/cases/poison.ts'
import { produceCases } from '#test/equivalence/cases/produce.ts'
import { readCases } from '#test/equivalence/cases/reads.ts'
import { compare } from '#test/equivalence/compare.ts'
import {
  isCovered,
  type KnownDifference,
  SANDBOX_DIFFERENCES,
  VERSION_DIFFERENCES,
} from '#test/equivalence/differences.ts'
import { type Result, runAll, type Target } from '#test/equivalence/target.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'

/**
 * The same raw requests to the sandbox, to Kafka 4.4.0 and to Kafka 3.9.2, one node each: the answers, what
 * becomes of the connection, and what is stored must be the same, but for the listed differences.
 */

const cases = [...produceCases, ...poisonCases, ...idempotentCases, ...readCases, ...otherCases]
type Results = Map<string, Result>

const closing: (() => Promise<void>)[] = []
const none: Results = new Map()
const results = { kafka: none, before: none, sandbox: none }

before(async () => {
  const [sandbox, kafka, old] = await Promise.all([
    opened(startSandbox({ retainBytes: 'all' })),
    opened(startCluster({ version: '4.4.0' })),
    opened(startCluster({ version: '3.9.2' })),
  ])
  const targets = [kafka, old, sandbox].map(targetOf)
  const [first, second, third] = await Promise.all(targets.map((target) => runAll(cases, target)))
  Object.assign(results, { kafka: first, before: second, sandbox: third })
})

after(async () => {
  await Promise.all(closing.map((close) => close()))
})

async function opened<C extends { close(): Promise<void> }>(starting: Promise<C>): Promise<C> {
  const cluster = await starting
  closing.push(() => cluster.close())
  return cluster
}

function targetOf({ brokers: [broker] }: Sandbox | KafkaCluster): Target {
  return { port: broker!.port, restart: () => broker!.restart() }
}

describe('the sandbox answers as Kafka 4.4.0', () => {
  for (const { name } of cases) {
    test(name, () => check(name, results.kafka, results.sandbox, SANDBOX_DIFFERENCES))
  }
})

describe('Kafka 3.9.2 answers as 4.4.0', () => {
  for (const { name } of cases) {
    test(name, () => check(name, results.kafka, results.before, VERSION_DIFFERENCES))
  }
})

/** @param left what `right` is compared with */
function check(row: string, left: Results, right: Results, known: KnownDifference[]): void {
  const unknown = compare(left.get(row), right.get(row))
    .filter((difference) => !known.some((entry) => isCovered(difference, row, entry)))
    .map((difference) => `${difference.at}: ${difference.left} | ${difference.right}`)
  assert.deepEqual(unknown, [])
}

test('every known difference still occurs', () => {
  const gone = [
    ...notSeen(SANDBOX_DIFFERENCES, results.kafka, results.sandbox),
    ...notSeen(VERSION_DIFFERENCES, results.kafka, results.before),
  ]
  assert.deepEqual(gone, [])
})

function notSeen(all: KnownDifference[], left: Results, right: Results): string[] {
  return all.flatMap((known) =>
    known.rows.flatMap((row) => {
      const differences = compare(left.get(row), right.get(row))
      const gone = known.at.filter(
        (at) => !differences.some((found) => isCovered(found, row, { ...known, at: [at] })),
      )
      return gone.map((at) => `${row}: ${at}`)
    }),
  )
}

test('the ranges that the sandbox lists lie within those of 4.4.0', () => {
  for (const row of ['ApiVersions 0', 'ApiVersions 4']) {
    const ours = rangesOf(results.sandbox, row)
    const theirs = rangesOf(results.kafka, row)
    assert.ok(ours.size >= 8, row)
    for (const [key, [min, max]] of ours) {
      const [lowest, highest] = theirs.get(key) ?? [1, 0]
      assert.ok(min >= lowest && max <= highest, `API ${key}: ${min}-${max} is not in ${lowest}-${highest}`)
    }
  }
})

function rangesOf(all: Results, row: string): Map<string, [min: number, max: number]> {
  const [answer] = all.get(row)!.steps as [{ apiKeys: Record<string, string> }]
  return new Map(
    Object.entries(answer.apiKeys).map(([key, range]) => {
      const [min, max] = range.split('-').map(Number)
      return [key, [min!, max!]]
    }),
  )
}

test('rows have names of their own, and are many', () => {
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  assert.ok(cases.length >= 80, `${cases.length} rows`)
  assert.equal(results.sandbox.size, cases.length)
})
