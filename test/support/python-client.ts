import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '#test/support/jvm.ts'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

/** Made by `bin/setup python`. */
const PYTHON = join(CACHE, 'python/bin/python')
const PROGRAMS = {
  /** By way of confluent-kafka. */
  librdkafka: 'produce.py',
  'kafka-python': 'produce_kafka_python.py',
  aiokafka: 'produce_aiokafka.py',
}

export type PythonClient = keyof typeof PROGRAMS

/** Waits until every send has ended. */
export async function producePython(
  spec: ProducerSpec,
  client: PythonClient = 'librdkafka',
): Promise<Outcome[]> {
  return (await startPythonProducer(spec, client)).finish()
}

/** With the property `debug` (`feature`, `protocol` ...) its `log()` holds what librdkafka says. */
export async function startPythonProducer(
  spec: ProducerSpec,
  client: PythonClient = 'librdkafka',
): Promise<RunningProducer> {
  if (!existsSync(PYTHON)) throw new Error('no Python with Kafka clients: run bin/setup python')
  // -B: it leaves no compiled files beside the programs.
  return startProducer(PYTHON, ['-B', join(import.meta.dirname, 'python', PROGRAMS[client])], spec)
}
