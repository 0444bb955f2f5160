import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '#test/support/jvm.ts'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

/** Programs in go/, built by `bin/setup go`. */
export type GoClient = 'franz' | 'sarama'

/** Waits until every send has ended. */
export async function produceGo(client: GoClient, spec: ProducerSpec): Promise<Outcome[]> {
  return (await startGoProducer(client, spec)).finish()
}

export async function startGoProducer(client: GoClient, spec: ProducerSpec): Promise<RunningProducer> {
  const program = join(CACHE, 'go', client)
  if (!existsSync(program)) throw new Error(`${program} is not there: run bin/setup go`)
  return startProducer(program, [], spec)
}
