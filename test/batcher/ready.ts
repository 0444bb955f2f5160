import { type AcksClass, Batch } from '#batcher/batch.ts'
import { Client, Producer } from '#batcher/client.ts'
import { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'
import type { Window } from '#batcher/window.ts'
import { batchBytes } from '#test/batcher/world.ts'

const client = new Client()

/** A batch of a producer of its own that is ready to be sent, listed in the window. */
export function ready(window: Window, partition: Partition, { size = 100, at = 0 } = {}): Batch {
  const acksClass: AcksClass = window.acksClass
  const timing = { arrivedAt: at, wholeAt: at, deadline: at + 10_000 }
  const acks = acksClass === 0 ? -1 : 1
  const batch = new Batch(client, partition, acks, batchBytes({ size }), timing, { answered() {} })
  const pair = new Pair(new Producer('', -1, -1, 1), partition)
  batch.pair = pair
  pair.queue.push(batch)
  pair.state = 'ready'
  pair.readyClass = acksClass
  pair.readyAt = at
  partition.enlist(pair, acksClass)
  window.list(partition, at)
  return batch
}
