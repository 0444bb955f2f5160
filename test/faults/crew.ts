import { type Ledger, ledgerOf } from '#test/support/criterion.ts'
import { startGoProducer } from '#test/support/go-client.ts'
import { startJavaProducer } from '#test/support/java-client.ts'
import { startKafkajsProducer } from '#test/support/kafkajs-client.ts'
import type { RunningProducer } from '#test/support/producer-process.ts'
import type { ProducerSpec } from '#test/support/producer-spec.ts'
import { startPythonProducer } from '#test/support/python-client.ts'

/** Producers of every kind that a fault must not hurt. Each sends records that can be told apart. */
interface Kind {
  start(spec: ProducerSpec): Promise<RunningProducer>
  properties: Record<string, string>
  idempotent: boolean
}

const plain = { 'enable.idempotence': 'false' }
const once = { 'enable.idempotence': 'true' }

export const KINDS = {
  java: { start: startJavaProducer, properties: {}, idempotent: true },
  'rdkafka-once': { start: startPythonProducer, properties: once, idempotent: true },
  rdkafka: { start: startPythonProducer, properties: plain, idempotent: false },
  franz: { start: (spec) => startGoProducer('franz', spec), properties: {}, idempotent: true },
  sarama: {
    start: (spec) => startGoProducer('sarama', spec),
    properties: { acks: 'all' },
    idempotent: false,
  },
  kafkajs: { start: startKafkajsProducer, properties: {}, idempotent: false },
} satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

export interface CrewOptions {
  bootstrap: string
  topics: string[]
  kinds?: KindName[]
  /** Of each. */
  perSecond?: number
  partitions?: number
  valueBytes?: number
  /** Beside those of the kind. */
  properties?: Record<string, string>
}

let crews = 0

export class Crew {
  readonly producers: RunningProducer[]
  readonly #kinds: KindName[]

  static async start(options: CrewOptions): Promise<Crew> {
    const { kinds = Object.keys(KINDS) as KindName[], perSecond = 40, properties = {}, bootstrap } = options
    const { topics, partitions, valueBytes } = options
    const number = ++crews
    const producers = kinds.map((kind) =>
      KINDS[kind].start({
        name: `${kind}.${number}.${process.pid}`,
        bootstrap,
        properties: { ...KINDS[kind].properties, ...properties },
        generate: {
          topics,
          perSecond,
          ...(partitions && { partitions }),
          ...(valueBytes && { valueBytes }),
        },
      }),
    )
    try {
      return new Crew(await Promise.all(producers), kinds)
    } catch (error) {
      for (const one of producers) await one.then((started) => started.kill()).catch(() => {})
      throw error
    }
  }

  private constructor(producers: RunningProducer[], kinds: KindName[]) {
    this.producers = producers
    this.#kinds = kinds
  }

  /** Waits until each has got so many more answers. */
  async goOn(outcomes: number, timeoutMs = 180_000): Promise<void> {
    await Promise.all(
      this.producers.map((one) => one.waitForOutcomes(one.outcomes.length + outcomes, timeoutMs)),
    )
  }

  /** Lets them end. @returns what they sent and were told */
  async finish(): Promise<Ledger[]> {
    const ended = this.producers.map(async (producer, i) => {
      const outcomes = await producer.finish()
      const { idempotent } = KINDS[this.#kinds[i]!]
      return ledgerOf(producer.spec, outcomes, {
        idempotent,
        ordered: idempotent,
        count: producer.done!.sent,
      })
    })
    return Promise.all(ended)
  }

  async kill(): Promise<void> {
    await Promise.all(this.producers.map((producer) => producer.kill().catch(() => {})))
  }
}

/** `java 7×2` for each producer and error that an application got. */
export function applicationErrors(ledgers: Ledger[]): string[] {
  return ledgers.flatMap(({ producer, outcomes }) => {
    const counts = new Map<string, number>()
    for (const { error, code } of outcomes) {
      if (error === null) continue
      const name = code === null ? error.replace(/\d+/g, 'N').slice(0, 60) : String(code)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return [...counts].map(([name, times]) => `${producer} ${name}×${times}`)
  })
}

const recordsOf = (ledgers: Ledger[]): number =>
  ledgers.reduce((sum, { outcomes }) => sum + outcomes.length, 0)

/** How many records, and what applications were told. */
export function story(ledgers: Ledger[]): string {
  return `${recordsOf(ledgers)} records; applications saw ${applicationErrors(ledgers).join(', ') || 'no error'}`
}
