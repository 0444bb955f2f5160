import { Fifo } from '#batcher/fifo.ts'
import type { Lane } from '#batcher/lane.ts'
import type { Partition } from '#batcher/partition.ts'
import { Window } from '#batcher/window.ts'

/** One broker of the cluster: its lanes, and a window for each acks class. */
export class Broker {
  readonly id: number
  readonly lanes: Lane[] = []
  readonly free = new Fifo<Lane>()
  readonly windows: readonly [Window, Window]

  constructor(id: number) {
    this.id = id
    this.windows = [new Window(this, 0), new Window(this, 1)]
  }

  get partitionsReady(): number {
    return this.windows[0].length + this.windows[1].length
  }

  /** The window whose partitions have waited longest, if any. */
  nextWindow(): Window | null {
    const [all, leader] = this.windows
    if (all.length === 0) return leader.length === 0 ? null : leader
    if (leader.length === 0) return all
    return all.openedAt <= leader.openedAt ? all : leader
  }

  /** Takes a partition out of the windows, when another broker leads it now. */
  forget(partition: Partition): void {
    for (const window of this.windows) window.remove(partition)
  }
}
