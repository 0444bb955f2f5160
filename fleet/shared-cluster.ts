import type { Grant } from '#fleet/amounts.ts'
import type { ClusterView, FleetCluster, FleetOptions } from '#fleet/fleet.ts'
import { ClusterGrant } from '#fleet/grants.ts'
import { LocalRefresh } from '#fleet/local-refresh.ts'
import type { MapEntry, PartitionMap } from '#fleet/partition-map.ts'
import { notReadable, type Reader } from '#fleet/reading.ts'
import type { RedisLink } from '#fleet/redis.ts'
import { SharedMap } from '#fleet/shared-map.ts'

/** One cluster as a node with Redis sees it: the shared map, this node's share, and a reading of its own in need. */
export class SharedCluster implements ClusterView {
  readonly name: string
  readonly shared: SharedMap
  readonly share: ClusterGrant
  readonly first: Promise<void>
  reader: Reader
  standIn: LocalRefresh
  readonly #options: FleetOptions
  #firstDone: () => void = () => {}
  #warned = ''
  /** ms of the monotonic clock, when a reading was last heard of. */
  #heardAt = performance.now()
  #heard = ''

  constructor(cluster: FleetCluster, link: RedisLink, options: FleetOptions) {
    const { log, events } = options
    this.name = cluster.name
    this.reader = cluster.reader
    this.#options = options
    this.first = new Promise((resolve) => {
      this.#firstDone = resolve
    })
    this.shared = new SharedMap(this.name, link, {
      changed: (changes) => events.changes?.(this.name, changes),
      read: () => this.#look(),
    })
    this.share = new ClusterGrant(cluster, link, log, (grant) => events.grant?.(this.name, grant))
    this.standIn = this.#newStandIn()
  }

  get map(): PartitionMap {
    return this.shared.map
  }

  get refreshedAt(): number | null {
    return this.shared.state.refreshedAt
  }

  get error(): string {
    return this.shared.state.error
  }

  get errorAt(): number | null {
    return this.shared.state.errorAt
  }

  get grant(): Grant {
    return this.share.grant
  }

  get isAdmitted(): boolean {
    return this.share.isAdmitted
  }

  /** For how long nobody has read the cluster nor failed to, in ms. */
  get quietMs(): number {
    return performance.now() - this.#heardAt
  }

  /** Its readings are planned from now on. */
  begin(): void {
    this.#heardAt = performance.now()
  }

  /** After a reload. The caller has ended what reads with the old reader for the fleet. */
  become({ budget, floor, reader }: FleetCluster): void {
    this.share.budget = budget
    this.share.floor = floor
    if (reader === this.reader) return
    this.standIn.stop()
    this.reader.close().catch(() => {})
    this.reader = reader
    this.standIn = this.#newStandIn()
  }

  /** Brings the map and the fleet's to the same state. @throws when Redis fails */
  follow(): Promise<void> {
    return this.shared.sync()
  }

  learned(topic: string, entry: MapEntry, isTogether: boolean): void {
    if (this.shared.learned(topic, entry) && isTogether) this.follow().catch(() => {})
  }

  close(): void {
    this.standIn.stop()
    this.shared.close()
    this.reader.close().catch(() => {})
    this.#firstDone()
  }

  #newStandIn(): LocalRefresh {
    return new LocalRefresh(this.reader, this.#options.intervalMs, {
      read: (reading) => {
        this.shared.readAlone(reading)
        this.shared.note({ refreshedAt: Date.now(), error: notReadable(reading) })
      },
      failed: (reason) => this.shared.note({ error: reason, errorAt: Date.now() }),
    })
  }

  #look(): void {
    const { refreshedAt, error, errorAt } = this.shared.state
    if (this.#heard !== `${refreshedAt} ${errorAt}`) this.#heardAt = performance.now()
    this.#heard = `${refreshedAt} ${errorAt}`
    if (refreshedAt !== null || error !== '') this.#firstDone()
    if (error !== '' && error !== this.#warned) {
      this.#options.log.warn({ cluster: this.name, error }, 'topics could not be read')
    }
    this.#warned = error
  }
}
