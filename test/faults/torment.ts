import { parseArgs } from 'node:util'
import { ANSWER_ROWS } from '#test/faults/answer-rows.ts'
import { CHURN_ROW, handlesOf } from '#test/faults/churn-row.ts'
import { FILE_ROWS } from '#test/faults/file-rows.ts'
import { KAFKA_ROWS, LONG_KAFKA_ROWS, UPGRADE_ROW } from '#test/faults/kafka-rows.ts'
import { KafkaStage } from '#test/faults/kafka-stage.ts'
import { LOAD_ROWS } from '#test/faults/load-rows.ts'
import type { Row } from '#test/faults/row.ts'
import { residentBytes } from '#test/support/neighbours.ts'

const MIXED = 'mixed'
/** How long a fault lasts in each round, where a row lets that be chosen. */
const FAULT_MS = 20_000
/** 7 and 19 are what a client is to send again. */
const TOLERATED = [7, 19]

/** Brokers can be upgraded once: each round has a stage of its own. */
const upgrade: Row<void> = {
  ...UPGRADE_ROW,
  async run() {
    const stage = await KafkaStage.open(['3.9.2', '4.4.0'])
    try {
      return await UPGRADE_ROW.run(stage)
    } finally {
      await stage.close()
    }
  },
}

const ON_KAFKA = [...KAFKA_ROWS, ...LONG_KAFKA_ROWS]
const ALONE = [upgrade, ...ANSWER_ROWS, ...LOAD_ROWS, CHURN_ROW, ...FILE_ROWS]

/**
 * Rows of the fault matrix, again and again. On real Kafka the clusters and the gateway stay the same all
 * the while, so that what one round leaves behind is there in the next.
 *
 *   npm run torment -- row 4 --for 10m
 *   npm run torment -- row down --for 5m                 a cluster down for so long, once
 *   npm run torment -- row churn --for 10m               once, too
 *   npm run torment -- row mixed --for 60m --seed 7      those on real Kafka, at random
 *
 * @returns the exit code: 1 as soon as a round does not hold
 */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { for: { type: 'string', default: '10m' }, seed: { type: 'string' } },
  })
  const wanted = positionals[0] ?? ''
  const ms = milliseconds(values.for)
  const alone = ALONE.filter(({ number }) => answersTo(number, wanted))
  const onKafka = wanted === MIXED ? KAFKA_ROWS : ON_KAFKA.filter(({ number }) => answersTo(number, wanted))
  if (alone.length > 0) return repeat(alone, undefined, ms)
  if (onKafka.length === 0) {
    const numbers = [...ON_KAFKA, ...ALONE].map(({ number }) => number)
    console.error(`no row ${wanted}: there are ${numbers.join('; ')}; ${MIXED}`)
    return 2
  }
  const stage = await KafkaStage.open()
  try {
    if (wanted === MIXED)
      return await mixed(stage, ms, Number(values.seed ?? Math.floor(Math.random() * 1e9)))
    return await repeat(onKafka, stage, ms)
  } finally {
    await stage.close()
  }
}

/**
 * All the while producers send to both clusters through whatever happens to them, and P must hold for all they
 * ever sent, besides for each row's own producers.
 */
async function mixed(stage: KafkaStage, ms: number, seed: number): Promise<number> {
  console.log(`seed ${seed}`)
  let code = 1
  const [t, o] = [await stage.topic('t', 12), await stage.topic('o', 6)]
  const crews = [
    { topics: [t], perSecond: 5, kinds: ['java', 'rdkafka-once', 'rdkafka', 'franz', 'kafkajs'] as const },
    { topics: [o], perSecond: 5, kinds: ['java', 'rdkafka-once', 'franz'] as const },
  ] as const
  const [first, second] = crews.map((crew) => ({ ...crew, topics: [...crew.topics], kinds: [...crew.kinds] }))
  let other = ''
  const { told } = await stage.under(first!, TOLERATED, async () => {
    const inner = await stage.under(second!, TOLERATED, async () => {
      code = await repeat(KAFKA_ROWS, stage, ms, randomFrom(seed))
    })
    other = inner.told
  })
  console.log(`all the while, three brokers: ${told}`)
  console.log(`all the while, other cluster: ${other}`)
  return code
}

/** @param random picks the next row; left out: one after the other */
async function repeat<S>(rows: Row<S>[], stage: S, ms: number, random?: () => number): Promise<number> {
  const end = performance.now() + ms
  for (let round = 1; performance.now() < end; round++) {
    const row = rows[random ? Math.floor(random() * rows.length) : (round - 1) % rows.length]!
    const began = performance.now()
    const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1)
    try {
      const told = await oneRound(row, stage, row.isLong ? ms : FAULT_MS)
      console.log(`round ${round}, row ${row.number}: holds, ${told} (${seconds()} s${gatewayOf(stage)})`)
    } catch (error) {
      console.log(`round ${round}, row ${row.number}: FAILS after ${seconds()} s: ${(error as Error).stack}`)
      if (stage instanceof KafkaStage) console.log(stage.gateway.log().slice(-20_000))
      return 1
    }
  }
  return 0
}

function oneRound<S>(row: Row<S>, stage: S, ms: number): Promise<string> {
  const once = () => row.run(stage, ms)
  return stage instanceof KafkaStage ? stage.deletingTopics(once) : once()
}

function gatewayOf(stage: unknown): string {
  if (!(stage instanceof KafkaStage)) return ''
  const { pid } = stage.gateway.running
  return `; gateway ${Math.round(residentBytes(pid) / 1024 / 1024)} MiB, ${handlesOf(pid)} handles`
}

function answersTo(number: string, wanted: string): boolean {
  return number === wanted || number.split(/[ ,()]+/).includes(wanted)
}

function milliseconds(text: string): number {
  const [, count, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  if (!unit) throw new Error(`--for ${text}: 90s, 10m or 1h`)
  return Number(count) * { s: 1000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h']
}

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
