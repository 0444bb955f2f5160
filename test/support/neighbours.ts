import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { plainBatch } from '#test/support/batches.ts'
import { RawClient, readBatches } from '#test/support/raw-client.ts'

/** One batch that was acknowledged. */
interface Acked {
  topic: string
  partition: number
  offset: bigint
  value: string
}

/**
 * Good clients that produce all the while somebody else misbehaves: each has a connection, and one batch
 * under way on it. All of them must be acknowledged, and be stored where the answer says.
 *
 *     const neighbours = await Neighbours.start(gateway.port, [['t', 0], ['t', 1]])
 *     ...
 *     await neighbours.finish(brokerPort)
 */
export class Neighbours {
  readonly acked: Acked[] = []
  #stopped = false
  #running: Promise<void>[] = []

  /** @param places one client each */
  static async start(
    port: number,
    places: readonly [topic: string, partition: number][],
  ): Promise<Neighbours> {
    const neighbours = new Neighbours()
    const clients = await Promise.all(places.map(() => RawClient.connect(port)))
    neighbours.#running = places.map((place, i) => neighbours.#produce(clients[i]!, place, i))
    // A failure is reported by `finish`.
    for (const one of neighbours.#running) one.catch(() => {})
    return neighbours
  }

  async #produce(client: RawClient, [topic, partition]: [string, number], number: number): Promise<void> {
    const acks = number % 2 === 0 ? -1 : 1
    try {
      for (let i = 0; !this.#stopped; i++) {
        const value = `neighbour ${number} says ${i}.`
        const answer = await client.request('produce', 9, produceBody(topic, partition, value, acks))
        const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
        assert.equal(errorCode, 0, `neighbour ${number}, batch ${i}`)
        this.acked.push({ topic, partition, offset: baseOffset, value })
        await pause(2)
      }
    } finally {
      await client.close()
    }
  }

  /** Waits until so many more batches are acknowledged. @throws if one of them failed */
  async goOn(batches: number): Promise<void> {
    const wanted = this.acked.length + batches
    const enough = async () => {
      while (this.acked.length < wanted) await pause(5)
    }
    await Promise.race([enough(), Promise.all(this.#running)])
  }

  /** Ends them and compares with what the broker holds. @throws if one failed or was not stored */
  async finish(brokerPort: number): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    assert.ok(this.acked.length > 0)
    const logs = new Map<string, Map<bigint, Buffer>>()
    for (const { topic, partition, offset, value } of this.acked) {
      const key = `${topic}-${partition}`
      if (!logs.has(key)) logs.set(key, await logOf(brokerPort, topic, partition))
      assert.ok(logs.get(key)!.get(offset)?.includes(value), `"${value}" is not at ${key}@${offset}`)
    }
  }
}

function produceBody(topic: string, index: number, value: string, acks: number) {
  const records = plainBatch(value)
  return {
    transactionalId: null,
    acks,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  }
}

async function logOf(brokerPort: number, topic: string, partition: number): Promise<Map<bigint, Buffer>> {
  const batches = await readBatches(brokerPort, topic, partition)
  return new Map(batches.map((bytes) => [bytes.readBigInt64BE(0), bytes]))
}

/** The workers of a gateway: the children of its process. */
export function workerPids(gatewayPid: number): number[] {
  const children = readFileSync(`/proc/${gatewayPid}/task/${gatewayPid}/children`, 'utf8')
  return children.trim().split(/\s+/).filter(Boolean).map(Number)
}

/** Resident bytes of a gateway, workers included. */
export function residentBytes(gatewayPid: number): number {
  const pids = [gatewayPid, ...workerPids(gatewayPid)]
  const kilobytes = pids.map((pid) => {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
  })
  return kilobytes.reduce((sum, each) => sum + each, 0) * 1024
}
