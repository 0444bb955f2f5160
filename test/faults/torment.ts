import { parseArgs } from 'node:util'
import { ANSWER_ROWS } from '#test/faults/answer-rows.ts'
import { CHURN_ROW } from '#test/faults/churn-row.ts'
import { KAFKA_ROWS, UPGRADE_ROW } from '#test/faults/kafka-rows.ts'
import { KafkaStage } from '#test/faults/kafka-stage.ts'
import { LOAD_ROWS } from '#test/faults/load-rows.ts'
import type { Row } from '#test/faults/row.ts'

const SANDBOX_ROWS = [...ANSWER_ROWS, ...LOAD_ROWS, CHURN_ROW]

/**
 * Rows of the fault matrix, again and again. On real Kafka the clusters and the gateway stay the same all
 * the while, so that what one round leaves behind is there in the next.
 *
 *   npm run torment -- row 4 --for 10m
 *   npm run torment -- row mixed --for 60m --seed 7      all rows on real Kafka, at random
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
  const small = SANDBOX_ROWS.filter(({ number }) => answersTo(number, wanted))
  const onKafka = KAFKA_ROWS.filter(({ number }) => wanted === 'mixed' || answersTo(number, wanted))
  const upgrade = wanted === UPGRADE_ROW.number
  if (small.length + onKafka.length === 0 && !upgrade) {
    const numbers = [...KAFKA_ROWS, UPGRADE_ROW, ...SANDBOX_ROWS].map(({ number }) => number)
    console.error(`no row ${wanted}: there are ${numbers.join('; ')}; mixed`)
    return 2
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
  const end = performance.now() + milliseconds(values.for)
  console.log(`seed ${seed}`)
  if (upgrade) return repeat([upgradeRow], undefined, end, seed)
  if (onKafka.length === 0) return repeat(small, undefined, end, seed)
  const stage = await KafkaStage.open()
  try {
    return await repeat(onKafka, stage, end, seed)
  } finally {
    await stage.close()
  }
}

/** Brokers can be upgraded once: each round has a stage of its own. */
const upgradeRow: Row<void> = {
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

async function repeat<S>(rows: Row<S>[], stage: S, end: number, seed: number): Promise<number> {
  const random = randomFrom(seed)
  for (let round = 1; performance.now() < end; round++) {
    const row = rows[Math.floor(random() * rows.length)]!
    const began = performance.now()
    const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1)
    try {
      console.log(`round ${round}, row ${row.number}: holds, ${await row.run(stage)} (${seconds()} s)`)
    } catch (error) {
      console.log(`round ${round}, row ${row.number}: FAILS after ${seconds()} s: ${(error as Error).stack}`)
      return 1
    }
  }
  return 0
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
