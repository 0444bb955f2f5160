import { join } from 'node:path'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

const PROGRAM = join(import.meta.dirname, 'kafkajs-produce.ts')

/** kafkajs in a process of its own. Waits until every send has ended. */
export async function produceKafkajs(spec: ProducerSpec): Promise<Outcome[]> {
  return (await startKafkajsProducer(spec)).finish()
}

export async function startKafkajsProducer(spec: ProducerSpec): Promise<RunningProducer> {
  return startProducer(process.execPath, ['--disable-warning=TimeoutNegativeWarning', PROGRAM], spec)
}
