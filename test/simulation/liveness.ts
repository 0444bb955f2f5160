import type { AcksClass } from '#batcher/batch.ts'
import type { Broker } from '#batcher/broker.ts'
import { AUTO_LINGER_MS } from '#batcher/linger.ts'
import type { Pair } from '#batcher/pair.ts'
import type { Partition } from '#batcher/partition.ts'
import type { EngineSettings } from '#batcher/ports.ts'
import type { SimNode } from '#test/simulation/node.ts'

/** Housekeeping runs every 20 ms, timers are late by a little. */
const SLACK_MS = 45

/**
 * Nothing is forgotten: every pair is in a state that something will end, and no lane is free while a batch
 * waits for one.
 *
 * @param sentAt when each broker was sent something last
 * @returns what is stuck, in words; null = nothing
 */
export function stuckIn(
  node: SimNode,
  partitions: Iterable<Partition>,
  sentAt: ReadonlyMap<number, number>,
): string | null {
  const { world, engine } = node
  // A process that was stopped has a lot to catch up with.
  if (world.now - node.process.thawedAt < 2 * SLACK_MS) return null
  for (const partition of partitions) {
    for (const pair of partition.pairs) {
      const why = stuckPair(pair, world.now)
      if (why) return `${pair.queue.peek()?.waiter ?? partition.topic}: ${why}`
    }
    const idle = idleLane(partition, engine.settings, engine.inFlightBytes, world.now, sentAt)
    if (idle) return idle
  }
  return null
}

function stuckPair({ state, queue, partition, retryAt, readyClass }: Pair, now: number): string | null {
  const head = queue.peek()
  if (state === 'idle') return head ? 'its pair is idle' : null
  if (!head) return `its pair is ${state} with nothing in its queue`
  if (state === 'inFlight') return head.submission ? null : 'its pair is in flight, but not the batch'
  if (state === 'backoff') return now > retryAt + SLACK_MS ? 'its pause is over' : null
  if (state === 'leaderless') return partition.leader ? 'it waits for a leader, who is known' : null
  const listed = partition.listed[readyClass] || partition.overdue.size > 0
  return listed ? null : 'it is ready and no window lists its partition'
}

function idleLane(
  partition: Partition,
  { window, inFlightBytes, submissionsPerSecond }: EngineSettings,
  inFlight: number,
  now: number,
  sentAt: ReadonlyMap<number, number>,
): string | null {
  const { leader } = partition
  if (!leader || leader.free.length === 0 || partition.overdue.size > 0 || partition.suspect) return null
  if (inFlight > 0 && inFlight >= inFlightBytes) return null
  if (submissionsPerSecond > 0 || leader.throttledUntil > now - SLACK_MS) return null
  const lastSentAt = sentAt.get(leader.id) ?? 0
  const span = window.linger === 'auto' ? AUTO_LINGER_MS : window.linger
  for (const acksClass of [0, 1] as const) {
    const pair = firstReady(partition, acksClass)
    if (!pair) continue
    const full = leader.windows[acksClass].length >= window.maxPartitions
    const patience = full ? 0 : 2 * span
    // A window that was full may linger again for those it left over.
    const since = Math.max(pair.readyAt, lastSentAt)
    if (now - since > patience + SLACK_MS && !heldBack(leader)) {
      return `${pair.queue.peek()!.waiter} waits, though a lane to broker ${leader.id} is free`
    }
  }
  return null
}

function firstReady(partition: Partition, acksClass: AcksClass): Pair | null {
  for (const pair of partition.ready[acksClass]) {
    if (pair.state === 'ready' && pair.readyClass === acksClass) return pair
  }
  return null
}

/** A lane is kept for others while a suspect partition holds another. */
function heldBack({ lanes }: Broker): boolean {
  return lanes.some(({ submission }) => submission?.suspect)
}
