import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '#test/support/jvm.ts'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

/** Made by `bin/setup python`. */
const PYTHON = join(CACHE, 'python/bin/python')
const PROGRAM = join(import.meta.dirname, 'python/produce.py')

/** librdkafka, by way of confluent-kafka. Waits until every send has ended. */
export async function producePython(spec: ProducerSpec): Promise<Outcome[]> {
  return (await startPythonProducer(spec)).finish()
}

/** With the property `debug` (`feature`, `protocol` ...) its `log()` holds what librdkafka says. */
export async function startPythonProducer(spec: ProducerSpec): Promise<RunningProducer> {
  if (!existsSync(PYTHON)) throw new Error('no Python with confluent-kafka: run bin/setup python')
  return startProducer(PYTHON, [PROGRAM], spec)
}
