import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { produceBody } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { RawClient } from '#test/support/raw-client.ts'
import { until } from '#test/support/redis.ts'

/** While a node goes over from one to the other, a batch may go to either. */
type Target = string | 'either'

interface Written {
  value: string
  node: string
  target: Target
}

const PROXY_HEADER = Buffer.from('PROXY UNKNOWN\r\n')

/**
 * Clients that write to one topic through one node each, while the nodes' routes change: each batch knows
 * where the configuration of its node said that it goes, from its sending until its answer.
 */
export class RouteWriters {
  readonly #topic: string
  readonly #partitions: number
  readonly #targets = new Map<string, Target>()
  readonly #written: Written[] = []
  readonly #clients: RawClient[] = []
  readonly #running: Promise<void>[] = []
  #stopped = false

  constructor(topic: string, partitions: number) {
    this.#topic = topic
    this.#partitions = partitions
  }

  /** @param port the node's own, where a PROXY header is wanted */
  async add(node: string, port: number, count: number, target: string): Promise<void> {
    this.#targets.set(node, target)
    for (let number = 0; number < count; number++) {
      const client = await RawClient.connect(port)
      client.send(PROXY_HEADER)
      this.#clients.push(client)
      const running = this.#write(client, node, number)
      // A failure is told by `goOn` and `finish`.
      running.catch(() => {})
      this.#running.push(running)
    }
  }

  async #write(client: RawClient, node: string, number: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const value = `${node} ${number} says ${i}.`
      const partition = i % this.#partitions
      const before = this.#targets.get(node)!
      const sent = { topic: this.#topic, partition, records: plainBatch(value) }
      const answer = await client.request('produce', 9, produceBody(sent))
      assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0, value)
      const target = before === this.#targets.get(node) ? before : 'either'
      this.#written.push({ value, node, target })
      await pause(5)
    }
  }

  isMoving(node: string): void {
    this.#targets.set(node, 'either')
  }

  /** Every frame from now on is read under that configuration. */
  writesTo(node: string, target: string): void {
    this.#targets.set(node, target)
  }

  /** Waits until so many more batches were acknowledged through each node. */
  async goOn(batches: number): Promise<void> {
    const from = this.#written.length
    const enough = () => {
      const counts = new Map<string, number>()
      for (const { node } of this.#written.slice(from)) counts.set(node, (counts.get(node) ?? 0) + 1)
      return [...this.#targets.keys()].every((node) => (counts.get(node) ?? 0) >= batches)
    }
    const late = () => `${this.#written.length - from} batches`
    await Promise.race([until(60_000, enough, late), Promise.all(this.#running)])
  }

  /** @returns how many were acknowledged, and those that are not, once, where they belong */
  async finish(sandboxes: Record<string, Sandbox>): Promise<{ written: number; misroutes: string[] }> {
    this.#stopped = true
    await Promise.all(this.#running)
    const stored = new Map<string, string[]>()
    for (const [name, sandbox] of Object.entries(sandboxes)) {
      for (const value of this.#valuesIn(sandbox)) stored.set(value, [...(stored.get(value) ?? []), name])
    }
    const misroutes = this.#written.flatMap(({ value, target }) => {
      const places = stored.get(value) ?? []
      const right = places.length === 1 && (target === 'either' || places[0] === target)
      return right ? [] : [`"${value}" belongs to ${target} and is in ${places.join(', ') || 'neither'}`]
    })
    return { written: this.#written.length, misroutes }
  }

  #valuesIn(sandbox: Sandbox): string[] {
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => partition)
    return partitions.flatMap((partition) =>
      sandbox.log(this.#topic, partition).map(({ bytes }) => {
        return /gw-\d+ \d+ says \d+\./.exec(bytes.toString('latin1'))![0]
      }),
    )
  }

  async close(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients.map((client) => client.close()))
  }
}
