import { pino } from 'pino'
import type { Amounts } from '#fleet/amounts.ts'
import type { Fleet, FleetCluster, FleetEvents } from '#fleet/fleet.ts'
import type { Reading } from '#fleet/partition-map.ts'
import { RedisLink } from '#fleet/redis.ts'
import { RedisFleet } from '#fleet/redis-fleet.ts'
import type { NodeDescription } from '#fleet/registry.ts'
import { type TestRedis, until } from '#test/support/redis.ts'

export const silent = pino({ level: 'silent' })
export const BUDGET: Amounts = { lanes: 12, inFlightBytes: 100_000, submissionsPerSecond: 300 }
export const FLOOR: Amounts = { lanes: 1, inFlightBytes: 1000, submissionsPerSecond: 1 }

export function describeNode(id: string, slot = 0): NodeDescription {
  return { id, slot, address: '127.0.0.1', zone: 'a', version: '1', configHash: 'x', ports: [9092] }
}

export function readingOf(counts: Record<string, number>, failed: string[] = []): Reading {
  const rows = Object.entries(counts).map(
    ([topic, partitions]) => [topic, { partitions, internal: false }] as const,
  )
  return { topics: new Map(rows), failed }
}

/** A cluster in memory; set what it answers. */
export class FakeCluster {
  counts: Record<string, number> = { a: 3, b: 5 }
  failed: string[] = []
  how: 'answers' | 'throws' | 'hangs' = 'answers'
  /** ms of the monotonic clock, and who read. */
  readonly runs: { at: number; by: string }[] = []
  closed = 0

  reader(by: string): FleetCluster['reader'] {
    return {
      read: async () => {
        this.runs.push({ at: performance.now(), by })
        if (this.how === 'hangs') await new Promise(() => {})
        if (this.how === 'throws') throw new Error('nobody answers')
        return readingOf(this.counts, this.failed)
      },
      close: async () => {
        this.closed++
      },
    }
  }

  asCluster(by: string, name = 'eu'): FleetCluster {
    return { name, budget: BUDGET, floor: FLOOR, reader: this.reader(by) }
  }
}

/** A link that is up. The caller stops it. */
export async function linkTo(redis: TestRedis, keyPrefix: string): Promise<RedisLink> {
  const link = new RedisLink({ url: redis.url, keyPrefix }, silent, () => {})
  link.start()
  await until(
    20_000,
    () => link.state === 'up',
    () => `down: ${link.reason}`,
  )
  return link
}

export function newFleet(
  redis: TestRedis,
  keyPrefix: string,
  node: NodeDescription,
  options: { intervalMs?: number; events?: FleetEvents } = {},
): Fleet {
  const settings = { url: redis.url, keyPrefix }
  const fleetOptions = {
    redis: settings,
    node,
    intervalMs: () => options.intervalMs ?? 500,
    log: silent,
    events: options.events ?? {},
  }
  return new RedisFleet(fleetOptions, settings)
}

export const countsOf = (fleet: Fleet, name = 'eu'): Record<string, number> => {
  const topics = fleet.clusters.get(name)?.map.topics ?? new Map()
  return Object.fromEntries([...topics].map(([topic, { partitions }]) => [topic, partitions]))
}
