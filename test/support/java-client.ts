import { basename, join } from 'node:path'
import { classPathOf, compile, jvmOptions, sharedClasses } from '#test/support/jvm.ts'
import { jars } from '#test/support/maven.ts'
import { start } from '#test/support/processes.ts'
import { type RunningProducer, startProducer } from '#test/support/producer-process.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

/** Kafka's own clients. */
export type JavaVersion = '3.9.2' | '4.4.0'

export interface LogRecord {
  topic: string
  partition: number
  offset: number
  timestamp: number
  timestampType: 'CreateTime' | 'LogAppendTime' | 'NoTimestampType'
  key: Buffer | null
  value: Buffer | null
  headers: [name: string, value: Buffer | null][]
}

/** Sends what the spec says and waits until every send has ended. */
export async function produceJava(spec: ProducerSpec, version?: JavaVersion): Promise<Outcome[]> {
  return (await startJavaProducer(spec, version)).finish()
}

export async function startJavaProducer(
  spec: ProducerSpec,
  version: JavaVersion = '4.4.0',
): Promise<RunningProducer> {
  const { args, keepClasses } = await programOf('Produce', version)
  const producer = await startProducer('java', args, spec)
  void producer.exited.then(() => producer.done && keepClasses())
  return producer
}

/** All records of some topics, partition by partition in order of offset, as Kafka's consumer sees them. */
export async function readLog(
  bootstrap: string,
  topics: string[],
  version: JavaVersion = '4.4.0',
): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  let complete = false
  const onLine = (line: string): void => {
    const parsed = JSON.parse(line)
    if (parsed.done) complete = true
    else records.push(logRecord(parsed))
  }
  const { args, keepClasses } = await programOf('ReadLog', version)
  const reader = await start('java', [...args, bootstrap, ...topics], { onLine })
  await reader.exited
  if (!complete) throw new Error(`ReadLog failed:\n${reader.output()}`)
  await keepClasses()
  return records.sort((a, b) => compare(a.topic, b.topic) || a.partition - b.partition || a.offset - b.offset)
}

interface Program {
  /** Of `java`, the main class last. */
  args: string[]
  /** To be called when it has ended well. */
  keepClasses(): Promise<void>
}

async function programOf(name: 'Produce' | 'ReadLog', version: JavaVersion): Promise<Program> {
  const folder = await jars(`kafka-clients-${version}`, [
    `org.apache.kafka:kafka-clients:${version}`,
    'com.fasterxml.jackson.core:jackson-databind:2.21.7',
    'org.slf4j:slf4j-simple:1.7.36',
  ])
  const source = join(import.meta.dirname, 'java', `${name}.java`)
  const jar = await compile(source, await classPathOf(folder))
  const shared = await sharedClasses(`${basename(jar, '.jar')}-${version}`)
  const args = [...jvmOptions('256m', await classPathOf(folder, jar), shared.options), name]
  return { args, keepClasses: shared.keep }
}

function logRecord(line: any): LogRecord {
  const headers = line.headers.map(([name, value]: [string, string | null]) => [name, bytes(value)])
  return { ...line, key: bytes(line.key), value: bytes(line.value), headers }
}

function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
