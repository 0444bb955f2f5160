import type { Batch } from '#batcher/batch.ts'
import { type Client, Producer } from '#batcher/client.ts'
import { Limits } from '#batcher/limits.ts'
import { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'

/** The producers and their pairs. A pair lives as long as it has work or a client connection that uses it. */
export class Producers {
  readonly #byKey = new Map<string, Producer>()
  readonly #onUnused: (partition: Partition) => void

  /** @param onUnused called when a partition has lost its last pair */
  constructor(onUnused: (partition: Partition) => void) {
    this.#onUnused = onUnused
  }

  get size(): number {
    return this.#byKey.size
  }

  pairOf(batch: Batch): Pair {
    const producer = batch.idempotent ? this.#producerOf(batch) : batch.client.anonymous
    let pair = producer.get(batch.partition)
    if (!pair) {
      pair = new Pair(producer, batch.partition)
      producer.add(pair)
      batch.partition.join(pair)
    }
    return pair
  }

  /**
   * The pair has nothing to do. It is kept while somebody may use it again and it has something to remember;
   * that of a connection without a producer id has not, unless an entry for it stands among the ready ones.
   */
  rest(pair: Pair): void {
    const { producer } = pair
    if (pair.queue.length > 0) return
    const forgettable = producer.key === '' && pair.enlisted === 0
    if (producer.users > 0 && !forgettable) return
    producer.delete(pair)
    pair.partition.drop(pair)
    if (pair.partition.pairs.length === 0) this.#onUnused(pair.partition)
    if (producer.size === 0) this.#byKey.delete(producer.key)
  }

  /** The partition does not exist: pairs with nothing to do, and nothing to remember, go at once. */
  dropIdle(partition: Partition): void {
    for (const pair of [...partition.pairs]) {
      if (pair.state !== 'idle' || (pair.guards?.size ?? 0) > 0) continue
      pair.producer.delete(pair)
      partition.drop(pair)
    }
  }

  /** The client uses its producers no more. */
  release(client: Client): void {
    this.#leave(client.anonymous)
    for (const producer of client.producers.splice(0)) this.#leave(producer)
  }

  #producerOf({ client, idHigh, idLow }: Batch): Producer {
    const last = client.producers[0]
    if (last?.is(idHigh, idLow)) return last
    const at = client.producers.findIndex((producer) => producer.is(idHigh, idLow))
    const producer = at < 0 ? this.#find(idHigh, idLow) : client.producers.splice(at, 1)[0]!
    if (at < 0) producer.users++
    client.producers.unshift(producer)
    if (client.producers.length > Limits.producersPerClient) this.#leave(client.producers.pop()!)
    return producer
  }

  #find(idHigh: number, idLow: number): Producer {
    const key = `${idHigh}:${idLow}`
    let producer = this.#byKey.get(key)
    if (!producer) this.#byKey.set(key, (producer = new Producer(key, idHigh, idLow)))
    return producer
  }

  #leave(producer: Producer): void {
    producer.users--
    if (producer.users > 0) return
    for (const pair of producer.all()) if (pair.state === 'idle') this.rest(pair)
    if (producer.size === 0) this.#byKey.delete(producer.key)
  }
}
