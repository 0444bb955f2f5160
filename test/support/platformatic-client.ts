import { join } from 'node:path'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

const PROGRAM = join(import.meta.dirname, 'platformatic-produce.ts')

/** @platformatic/kafka in a process of its own. Waits until every send has ended. */
export async function producePlatformatic(spec: ProducerSpec): Promise<Outcome[]> {
  return (await startPlatformaticProducer(spec)).finish()
}

export async function startPlatformaticProducer(spec: ProducerSpec): Promise<RunningProducer> {
  return startProducer(process.execPath, [PROGRAM], spec)
}
