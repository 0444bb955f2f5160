import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { jars } from '#test/support/maven.ts'

const PROGRAM = join(import.meta.dirname, 'java/Differential.java')
/** kafka-clients does not bring it along, but its JSON converters need it. */
const JACKSON = 'com.fasterxml.jackson.core:jackson-databind:2.16.2'

/** A Java process with the message classes of one version of kafka-clients. See Differential.java. */
export class KafkaClasses {
  readonly version: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #waiting: PromiseWithResolvers<any>[] = []
  #complaints = ''
  /** Why there are no answers any more. */
  #ended: Error | null = null

  static async start(version: string): Promise<KafkaClasses> {
    const folder = await jars(`clients-${version}`, [`org.apache.kafka:kafka-clients:${version}`, JACKSON])
    return new KafkaClasses(version, folder)
  }

  private constructor(version: string, folder: string) {
    this.version = version
    const limits = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:-UsePerfData']
    this.#child = spawn('java', [...limits, '-cp', `${folder}/*`, PROGRAM], { stdio: 'pipe' })
    this.#child.stderr.on('data', (chunk) => (this.#complaints += chunk))
    this.#child.stdin.on('error', () => {})
    this.#child.on('error', (error) =>
      this.#end(`java does not start (is a JDK installed?): ${error.message}`),
    )
    this.#child.on('close', (code) => this.#end(`java ended with ${code}: ${this.#complaints}`))
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answer(line))
  }

  /** Sends one request; many may be under way. int64 are bigints and bytes are Buffers in `request`. */
  ask(request: Record<string, unknown>): Promise<any> {
    if (this.#ended) return Promise.reject(this.#ended)
    const waiting = Promise.withResolvers<any>()
    this.#waiting.push(waiting)
    this.#child.stdin.write(`${kafkaJson(request)}\n`)
    return waiting.promise
  }

  async stop(): Promise<void> {
    if (this.#ended) return
    const closed = once(this.#child, 'close')
    this.#child.stdin.end()
    await closed
  }

  #answer(line: string): void {
    const answer = JSON.parse(line)
    const waiting = this.#waiting.shift()
    if (answer.error) waiting?.reject(new Error(`kafka-clients ${this.version}: ${answer.error}`))
    else waiting?.resolve(answer)
  }

  #end(why: string): void {
    this.#ended ??= new Error(why)
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended)
  }
}

/** Newer than the types. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** The form that Kafka's JSON converters read: int64 as plain numbers of any size, bytes as base64. */
export function kafkaJson(value: unknown): string {
  return JSON.stringify(value, function (this: any, key, given) {
    const plain = this[key]
    if (typeof plain === 'bigint') return rawJson(plain.toString())
    return Buffer.isBuffer(plain) ? plain.toString('base64') : given
  })
}
