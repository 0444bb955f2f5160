import type { Amounts, Grant, GrantReport } from '#fleet/amounts.ts'
import { LocalFleet } from '#fleet/local-fleet.ts'
import type { MapChanges, MapEntry, PartitionMap } from '#fleet/partition-map.ts'
import type { Reader } from '#fleet/reading.ts'
import type { RedisSettings, RedisState } from '#fleet/redis.ts'
import type { FleetNodeState, NodeDescription, NodeEntry } from '#fleet/registry.ts'
import type { Log } from '#telemetry/log.ts'

export interface FleetOptions {
  /** null = one node, no Redis. */
  redis: RedisSettings | null
  node: NodeDescription
  /** Between two readings of a cluster, in ms: asked anew each time, since a reload may change it. */
  intervalMs(): number
  log: Log
  events: FleetEvents
}

export interface FleetEvents {
  /** The live nodes are others than before, or say something else of themselves (samples apart). */
  nodes?(nodes: readonly NodeEntry[]): void
  /** Differences of a partition map, from whatever source. */
  changes?(cluster: string, changes: MapChanges): void
  grant?(cluster: string, grant: Grant): void
  redis?(redis: RedisState): void
}

export interface FleetCluster {
  name: string
  budget: Amounts
  floor: Amounts
  reader: Reader
}

/** What the fleet knows of a cluster; its fields change. */
export interface ClusterView {
  readonly name: string
  readonly map: PartitionMap
  /** ms since 1970 of the last good reading by any node. */
  readonly refreshedAt: number | null
  /** Why the last reading failed or left topics out; empty when it was good. */
  readonly error: string
  readonly errorAt: number | null
  readonly grant: Grant
  /** The fleet has made room for this node's floor; always so without a fleet. */
  readonly isAdmitted: boolean
  /** Resolves when the cluster was read for the first time, or could not be. */
  readonly first: Promise<void>
}

/** What a node knows and may use together with the others. Nothing here waits for Redis for long. */
export interface Fleet {
  readonly mode: 'redis' | 'local'
  readonly redis: RedisState
  readonly clusters: ReadonlyMap<string, ClusterView>
  /**
   * Joins, or goes on alone when Redis does not answer within 3 s.
   *
   * @throws SlotClash when another live node has the slot of this one
   */
  start(clusters: FleetCluster[]): Promise<void>
  /** After a reload. A cluster that stays keeps its map and grant; a reader that is replaced is closed. */
  setClusters(clusters: FleetCluster[]): void
  setState(state: FleetNodeState): void
  describe(changed: Partial<NodeDescription>): void
  /** Any small JSON for the other nodes; it goes out within a second. */
  setSample(sample: unknown): void
  /** Live nodes by id, this one included; this one alone without Redis. */
  nodes(): readonly NodeEntry[]
  /** What a worker has found out by asking the cluster itself. */
  learned(cluster: string, topic: string, entry: MapEntry): void
  /** What this node uses and wants of the cluster's budget: each second. */
  report(cluster: string, report: GrantReport): void
  /** Out of the registry, the grants given back: after the last answer. */
  leave(): Promise<void>
  stop(): Promise<void>
}

export type MakeFleet = (options: FleetOptions) => Fleet

/** What makes a fleet. Without Redis its clients are not even loaded: they take 20 MB. */
export async function loadFleet(withRedis: boolean): Promise<MakeFleet> {
  if (!withRedis) return (options) => new LocalFleet(options)
  const { RedisFleet } = await import('#fleet/redis-fleet.ts')
  return (options) => new RedisFleet(options, options.redis!)
}
