import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { baseSequence } from '#protocol/record-batch.ts'
import { type Sandbox, startSandbox } from '#sandbox/sandbox.ts'
import type { SyntheticAck } from '#sandbox/synthetic-producer.ts'
import { SyntheticProducer } from '#sandbox/synthetic-producer.ts'
import { configOf, Gateway, type GatewayOptions } from '#test/support/gateway.ts'
import { start, temporaryFolder } from '#test/support/processes.ts'

const SLUICE = join(import.meta.dirname, '../../bin/sluice')
const START_MS = 60_000

/** What an order to the admin port was answered. */
export interface Answer {
  status: number
  body: any
}

/** A gateway whose configuration file can be written anew. */
export class Reloadable extends Gateway {
  file = ''

  static async start(options: GatewayOptions, env: Record<string, string> = {}): Promise<Reloadable> {
    const file = join(temporaryFolder('sluice-reload-'), 'sluice.yaml')
    writeFileSync(file, configOf(options))
    const args = ['run', '--config', file, '--log-format', 'json']
    const running = await start(SLUICE, args, { background: true, env })
    const [line] = await running.waitForLine(/^.*"msg":"serving".*$/, START_MS)
    const gateway = new Reloadable(running, JSON.parse(line!).ports)
    gateway.file = file
    return gateway
  }

  write(options: GatewayOptions): void {
    writeFileSync(this.file, configOf(options))
  }

  /** @param order such as `reload` */
  async post(order: string, headers: Record<string, string> = {}): Promise<Answer> {
    const url = `http://127.0.0.1:${this.ports.admin}/${order}`
    const response = await fetch(url, { method: 'POST', headers })
    return { status: response.status, body: await response.json() }
  }

  async reload(options: GatewayOptions): Promise<Answer> {
    this.write(options)
    return this.post('reload')
  }
}

/** Idempotent producers, and the logs they write to. */
export class Load {
  readonly sandboxes: readonly Sandbox[]
  readonly producers: SyntheticProducer[] = []
  readonly acks: SyntheticAck[] = []
  #waiting: { count: number; resolve(): void } | null = null

  constructor(sandboxes: readonly Sandbox[]) {
    this.sandboxes = sandboxes
  }

  /** Some producers on one topic. */
  async add(port: number, topic: string, count = 10): Promise<void> {
    const added = Array.from({ length: count }, (_, i) => {
      return new SyntheticProducer({
        name: `${topic}-${i}`,
        bootstrap: { host: '127.0.0.1', port },
        topic,
        perSecond: 20,
        valueBytes: 100,
        onAck: (ack) => this.#onAck(ack),
      })
    })
    this.producers.push(...added)
    await Promise.all(added.map((producer) => producer.start()))
  }

  #onAck(ack: SyntheticAck): void {
    this.acks.push(ack)
    if (this.#waiting && this.acks.length >= this.#waiting.count) this.#waiting.resolve()
  }

  /** So many acks from now on. */
  async more(count = 100): Promise<void> {
    const wanted = this.acks.length + count
    await new Promise<void>((resolve, reject) => {
      const late = () => reject(new Error(`${this.acks.length} acks, not ${wanted}`))
      const timer = setTimeout(late, START_MS)
      this.#waiting = { count: wanted, resolve: () => resolve(clearTimeout(timer)) }
    })
  }

  /** Every batch was acknowledged, and stands exactly once in all the logs together. */
  async verify(): Promise<void> {
    for (const producer of this.producers) producer.stop()
    for (const deadline = Date.now() + START_MS; this.#unacked() > 0; ) {
      assert.ok(Date.now() < deadline, `never acknowledged: ${this.#stuck()}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const stored = new Map<string, number>()
    for (const key of this.sandboxes.flatMap(storedIn)) stored.set(key, (stored.get(key) ?? 0) + 1)
    assert.deepEqual(
      [...stored].filter(([, count]) => count > 1),
      [],
      'nothing is stored twice',
    )
    const told = this.acks.map(({ topic, partition, producerId, sequence }) => {
      return `${topic}-${partition} ${producerId} ${sequence}`
    })
    assert.deepEqual(
      told.filter((key) => !stored.has(key)),
      [],
      'nothing acknowledged is missing',
    )
    assert.equal(new Set(told).size, stored.size)
    const errors = this.producers.reduce((sum, { errors }) => sum + errors, 0)
    assert.equal(errors, 0, 'and no client saw an error')
  }

  #stuck(): string {
    const stuck = this.producers.filter(({ unacked }) => unacked > 0)
    const told = stuck.map(({ spec, unacked, errors, connects }) => {
      return `${unacked} of ${spec.name} (${errors} errors, ${connects} connects)`
    })
    return told.join(', ')
  }

  #unacked(): number {
    return this.producers.reduce((sum, { unacked }) => sum + unacked, 0)
  }

  close(): void {
    for (const producer of this.producers) producer.close()
  }
}

/** Those of idempotent producers. */
function storedIn(sandbox: Sandbox): string[] {
  return sandbox.topics.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) =>
      sandbox
        .log(topic, partition)
        .filter(({ bytes }) => bytes.readBigInt64BE(43) >= 0n)
        .map(({ bytes }) => `${topic}-${partition} ${bytes.readBigInt64BE(43)} ${baseSequence(bytes)}`),
    ).flat(),
  )
}

/** A sandbox with these topics, three partitions each. */
export function sandboxOf(name: string, topics: string[]): Promise<Sandbox> {
  const specs = topics.map((topic) => ({ topic, partitions: 3 }))
  return startSandbox({ name, topics: specs, retainBytes: 'all' })
}
