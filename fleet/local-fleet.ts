import type { Amounts, Grant, GrantReport } from '#fleet/amounts.ts'
import type { ClusterView, Fleet, FleetCluster, FleetEvents, FleetOptions } from '#fleet/fleet.ts'
import { LocalRefresh } from '#fleet/local-refresh.ts'
import { type MapEntry, PartitionMap, type Reading } from '#fleet/partition-map.ts'
import { notReadable } from '#fleet/reading.ts'
import type { RedisState } from '#fleet/redis.ts'
import type { FleetNodeState, NodeDescription, NodeEntry } from '#fleet/registry.ts'
import type { Log } from '#telemetry/log.ts'

/** One node without Redis: it has every budget whole, and reads the clusters on a timer of its own. */
export class LocalFleet implements Fleet {
  readonly mode = 'local'
  readonly redis: RedisState = { state: 'none', reason: '' }
  readonly clusters = new Map<string, LocalCluster>()
  readonly #self: NodeEntry
  readonly #options: FleetOptions

  constructor(options: FleetOptions) {
    this.#options = options
    this.#self = {
      ...options.node,
      state: 'starting',
      clusters: [],
      incarnation: 0,
      clockAhead: 0,
      sample: null,
    }
  }

  async start(clusters: FleetCluster[]): Promise<void> {
    this.setClusters(clusters)
  }

  setClusters(clusters: FleetCluster[]): void {
    const { events, intervalMs, log } = this.#options
    const wanted = new Set(clusters.map(({ name }) => name))
    for (const [name, cluster] of this.clusters) {
      if (!wanted.has(name)) this.#remove(cluster)
    }
    for (const cluster of clusters) {
      const known = this.clusters.get(cluster.name)
      if (known) known.become(cluster)
      else this.clusters.set(cluster.name, new LocalCluster(cluster, intervalMs, log, events))
    }
    this.#self.clusters = [...wanted]
  }

  setState(state: FleetNodeState): void {
    this.describe({ state })
  }

  describe(changed: Partial<NodeDescription> & { state?: FleetNodeState }): void {
    Object.assign(this.#self, changed)
    this.#options.events.nodes?.(this.nodes())
  }

  setSample(sample: unknown): void {
    this.#self.sample = sample
  }

  nodes(): readonly NodeEntry[] {
    return [this.#self]
  }

  learned(cluster: string, topic: string, entry: MapEntry): void {
    this.clusters.get(cluster)?.learned(topic, entry)
  }

  report(_cluster: string, _report: GrantReport): void {}

  async leave(): Promise<void> {}

  async stop(): Promise<void> {
    for (const cluster of this.clusters.values()) this.#remove(cluster)
  }

  #remove(cluster: LocalCluster): void {
    this.clusters.delete(cluster.name)
    cluster.close()
  }
}

class LocalCluster implements ClusterView {
  readonly isAdmitted = true
  readonly name: string
  readonly map = new PartitionMap()
  refreshedAt: number | null = null
  error = ''
  errorAt: number | null = null
  grant: Grant
  readonly first: Promise<void>
  #firstDone: () => void = () => {}
  readonly #events: FleetEvents
  readonly #intervalMs: () => number
  readonly #log: Log
  #cluster: FleetCluster
  #refresh: LocalRefresh
  /** What the refresh goes by: a reload may change it. */
  #pace: number

  constructor(cluster: FleetCluster, intervalMs: () => number, log: Log, events: FleetEvents) {
    this.name = cluster.name
    this.#cluster = cluster
    this.#intervalMs = intervalMs
    this.#log = log
    this.#events = events
    this.first = new Promise((resolve) => {
      this.#firstDone = resolve
    })
    this.grant = whole(cluster.budget)
    this.#pace = intervalMs()
    this.#refresh = this.#newRefresh()
    this.#refresh.start()
  }

  become(cluster: FleetCluster): void {
    const old = this.#cluster
    this.#cluster = cluster
    const grant = whole(cluster.budget)
    if (JSON.stringify(grant) !== JSON.stringify(this.grant)) {
      this.grant = grant
      this.#events.grant?.(this.name, grant)
    }
    const pace = this.#intervalMs()
    if (cluster.reader === old.reader && pace === this.#pace) return
    this.#pace = pace
    this.#refresh.stop()
    if (cluster.reader !== old.reader) old.reader.close().catch(() => {})
    this.#refresh = this.#newRefresh()
    this.#refresh.start()
  }

  learned(topic: string, entry: MapEntry): void {
    const known = this.map.topics.get(topic)
    if (known && known.partitions >= entry.partitions) return
    this.map.apply({ [topic]: entry })
    this.#events.changes?.(this.name, { [topic]: entry })
  }

  close(): void {
    this.#refresh.stop()
    this.#cluster.reader.close().catch(() => {})
    this.#firstDone()
  }

  #newRefresh(): LocalRefresh {
    return new LocalRefresh(this.#cluster.reader, this.#intervalMs, {
      read: (reading) => this.#read(reading),
      failed: (reason) => this.#failed(reason),
    })
  }

  #read(reading: Reading): void {
    const changes = this.map.update(reading)
    if (Object.keys(changes).length > 0) this.#events.changes?.(this.name, changes)
    this.refreshedAt = Date.now()
    this.error = notReadable(reading)
    if (this.error) this.errorAt = this.refreshedAt
    this.#firstDone()
  }

  #failed(reason: string): void {
    if (reason !== this.error)
      this.#log.warn({ cluster: this.name, error: reason }, 'topics could not be read')
    this.error = reason
    this.errorAt = Date.now()
    this.#firstDone()
  }
}

function whole(budget: Amounts): Grant {
  return { ...budget, stale: false, overcommitted: false }
}
