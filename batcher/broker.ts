import { Fifo } from '#batcher/fifo.ts'
import type { Lane } from '#batcher/lane.ts'
import { LanePolicy } from '#batcher/lane-policy.ts'
import type { Partition } from '#batcher/partition.ts'
import { RoundTrips } from '#batcher/round-trips.ts'
import { Window } from '#batcher/window.ts'

/** One broker of the cluster: its lanes, and a window for each acks class. */
export class Broker {
  readonly id: number
  readonly lanes: Lane[] = []
  readonly free = new Fifo<Lane>()
  readonly windows: readonly [Window, Window]
  readonly roundTrips = new RoundTrips()
  readonly lanePolicy = new LanePolicy()
  /** Partitions it leads that clients write to, or wrote to not long ago (Limits.unusedPartitionMs). */
  partitions = 0
  /** The broker asked for a pause until then (KIP-219). */
  throttledUntil = 0

  constructor(id: number) {
    this.id = id
    this.windows = [new Window(0), new Window(1)]
  }

  get partitionsReady(): number {
    return this.windows[0].length + this.windows[1].length
  }

  /** The windows, the one first that has waited longest. */
  windowsInTurn(): readonly Window[] {
    const [all, leader] = this.windows
    if (leader.length === 0) return this.windows
    return all.oldestReadyAt() <= leader.oldestReadyAt() ? this.windows : [leader, all]
  }

  other(window: Window): Window {
    return this.windows[window.acksClass === 0 ? 1 : 0]
  }

  lead(partition: Partition): void {
    partition.leader?.forget(partition)
    partition.leader = this
    this.partitions++
  }

  /** The partition may enter the windows again. */
  listReady(partition: Partition, now: number): void {
    for (const window of this.windows) {
      if (partition.ready[window.acksClass].length > 0) window.list(partition, now)
    }
  }

  /** Another broker leads it now, or none. */
  forget(partition: Partition): void {
    for (const window of this.windows) window.remove(partition)
    partition.leader = null
    this.partitions--
  }
}
