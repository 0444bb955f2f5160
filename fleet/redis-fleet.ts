import type { GrantReport } from '#fleet/amounts.ts'
import type { Fleet, FleetCluster, FleetOptions } from '#fleet/fleet.ts'
import type { MapEntry } from '#fleet/partition-map.ts'
import { RedisLink, type RedisSettings, type RedisState } from '#fleet/redis.ts'
import { RefreshQueue } from '#fleet/refresh-queue.ts'
import { type FleetNodeState, type NodeDescription, type NodeEntry, Registry } from '#fleet/registry.ts'
import { SharedCluster } from '#fleet/shared-cluster.ts'

const TICK_MS = 1000
/** Redis is not waited for longer than this at the start, in ms. */
const START_MS = 3000
/** Without a fleet for this long the node reads the clusters itself, in ms. */
const STAND_IN_MS = 3000
/** An emptied Redis has forgotten the schedulers: they are set up again on every return, and this often, in ms. */
const SCHEDULE_MS = 10_000
/** A cluster that nobody has read for so many intervals is planned anew. */
const QUIET_INTERVALS = 2
const LEAST_QUIET_MS = 2000
const LEAVE_MS = 1500

/** A node that shares what it knows with others through Redis, and goes on alone without it. */
export class RedisFleet implements Fleet {
  readonly mode = 'redis'
  readonly clusters = new Map<string, SharedCluster>()
  readonly #options: FleetOptions
  readonly #link: RedisLink
  readonly #registry: Registry
  readonly #queue: RefreshQueue
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | null = null
  #tickAgain = false
  /** ms of the monotonic clock. */
  #scheduledAt = Number.NEGATIVE_INFINITY
  #togetherAt = Number.NEGATIVE_INFINITY
  #clockWasWrong = false
  #told = ''
  #left = false

  constructor(options: FleetOptions, redis: RedisSettings) {
    const { node, log, events, intervalMs } = options
    this.#options = options
    this.#link = new RedisLink(redis, log, () => this.#onLink())
    this.#registry = new Registry(node, this.#link, log, {
      changed: () => events.nodes?.(this.nodes()),
      forgotten: () => {
        this.#scheduledAt = Number.NEGATIVE_INFINITY
      },
    })
    this.#queue = new RefreshQueue(this.#link, intervalMs, log)
  }

  get redis(): RedisState {
    if (this.#link.state === 'down') return { state: 'down', reason: this.#link.reason }
    const { refusal } = this.#registry
    return { state: refusal ? 'down' : 'up', reason: refusal }
  }

  async start(clusters: FleetCluster[]): Promise<void> {
    this.setClusters(clusters)
    this.#link.start()
    if (await this.#link.whenUp(START_MS)) await this.#tick()
    if (this.#registry.clash) {
      await this.stop()
      throw this.#registry.clash
    }
    this.#timer = setInterval(() => void this.#tick(), TICK_MS)
    if (!this.#isTogether) void this.#tick()
  }

  setClusters(clusters: FleetCluster[]): void {
    const wanted = new Set(clusters.map(({ name }) => name))
    for (const [name, cluster] of this.clusters) {
      if (!wanted.has(name)) void this.#drop(cluster)
    }
    for (const cluster of clusters) {
      const known = this.clusters.get(cluster.name)
      if (known && known.reader !== cluster.reader) void this.#queue.drop(cluster.name)
      if (known) known.become(cluster)
      else this.clusters.set(cluster.name, new SharedCluster(cluster, this.#link, this.#options))
    }
    this.#registry.self.clusters = [...wanted]
    this.#scheduledAt = Number.NEGATIVE_INFINITY
    if (this.#timer) void this.#tick()
  }

  setState(state: FleetNodeState): void {
    this.#registry.self.state = state
    this.#registry.tell()
    if (this.#timer) void this.#tick()
  }

  describe(changed: Partial<NodeDescription>): void {
    Object.assign(this.#registry.self, changed)
    this.#registry.tell()
    if (this.#timer) void this.#tick()
  }

  setSample(sample: unknown): void {
    this.#registry.self.sample = sample
  }

  nodes(): readonly NodeEntry[] {
    return this.#registry.nodes()
  }

  learned(cluster: string, topic: string, entry: MapEntry): void {
    this.clusters.get(cluster)?.learned(topic, entry, this.#isTogether)
  }

  report(cluster: string, report: GrantReport): void {
    this.clusters.get(cluster)?.share.report(report)
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    clearInterval(this.#timer)
    for (const { standIn } of this.clusters.values()) standIn.stop()
    if (this.#link.state !== 'up') return
    const shares = [...this.clusters.values()].map(({ share }) => share.giveBack(this.#caller))
    await within(LEAVE_MS, Promise.allSettled([this.#registry.leave(), ...shares]))
  }

  async stop(): Promise<void> {
    await this.leave()
    await this.#queue.close()
    for (const cluster of this.clusters.values()) cluster.close()
    this.#link.stop()
  }

  get #isTogether(): boolean {
    return this.#link.state === 'up' && this.#registry.isMember
  }

  get #quietMs(): number {
    return Math.max(QUIET_INTERVALS * this.#options.intervalMs(), LEAST_QUIET_MS)
  }

  /** A node that was killed and started again is somebody else: its old connections may still be there. */
  get #caller(): string {
    return `${this.#registry.self.id}/${this.#registry.self.incarnation}`
  }

  async #drop(cluster: SharedCluster): Promise<void> {
    this.clusters.delete(cluster.name)
    cluster.close()
    await this.#queue.drop(cluster.name)
    if (this.#isTogether) await cluster.share.giveBack(this.#caller).catch(() => {})
  }

  #onLink(): void {
    if (this.#link.state === 'up') this.#scheduledAt = Number.NEGATIVE_INFINITY
    this.#tell()
    if (this.#timer) void this.#tick()
  }

  #tell(): void {
    const { redis } = this
    if (JSON.stringify(redis) === this.#told) return
    this.#told = JSON.stringify(redis)
    this.#options.events.redis?.(redis)
  }

  /** Never two at once; one that is wanted meanwhile follows. */
  #tick(): Promise<void> {
    this.#tickAgain = this.#ticking !== null
    this.#ticking ??= this.#work().finally(() => {
      this.#ticking = null
      if (this.#tickAgain && !this.#left) void this.#tick()
    })
    return this.#ticking
  }

  async #work(): Promise<void> {
    if (this.#left) return
    if (this.#link.state === 'up') await this.#registry.beat().catch((error) => this.#note(error))
    if (this.#isTogether && !this.#left) await this.#workTogether()
    else if (!this.#left) this.#workAlone()
    this.#tell()
  }

  async #workTogether(): Promise<void> {
    this.#togetherAt = performance.now()
    const work = [...this.clusters.values()].map(async (cluster) => {
      cluster.standIn.stop()
      await Promise.all([cluster.follow(), cluster.share.ask(this.#caller)])
    })
    for (const result of await Promise.allSettled(work)) {
      if (result.status === 'rejected') this.#note(result.reason)
    }
    this.#lookAtClock()
    const isQuiet = [...this.clusters.values()].some(({ quietMs }) => quietMs > this.#quietMs)
    if (!isQuiet && performance.now() - this.#scheduledAt < SCHEDULE_MS) return
    // Not waited for: the leases must go on meanwhile.
    this.#scheduledAt = performance.now()
    this.#schedule().catch((error) => {
      this.#scheduledAt = Number.NEGATIVE_INFINITY
      this.#note(error)
    })
  }

  async #schedule(): Promise<void> {
    if (this.#clockWasWrong) return void (await this.#queue.close())
    for (const cluster of this.clusters.values()) {
      const anew = cluster.quietMs > this.#quietMs
      if (anew) cluster.begin()
      await this.#queue.schedule(cluster, anew)
    }
    // A node says what clusters it has before it adds to what is known: asked in this order, none is missed.
    const known = await this.#queue.known()
    await this.#registry.beat()
    const wanted = new Set(this.nodes().flatMap(({ clusters }) => clusters))
    if (this.#isTogether) await this.#queue.sweep(known.filter((name) => !wanted.has(name)))
  }

  #lookAtClock(): void {
    const { isClockWrong, self } = this.#registry
    if (isClockWrong === this.#clockWasWrong) return
    this.#clockWasWrong = isClockWrong
    this.#scheduledAt = Number.NEGATIVE_INFINITY
    const { log } = this.#options
    const aheadMs = self.clockAhead
    if (isClockWrong) log.warn({ aheadMs }, 'the clock is wrong: the others read the topics of the clusters')
    else log.info({ aheadMs }, 'the clock is right again')
  }

  #workAlone(): void {
    this.#registry.tell()
    const lost = performance.now() - this.#togetherAt > STAND_IN_MS
    for (const cluster of this.clusters.values()) {
      cluster.share.lose()
      if (lost) cluster.standIn.start()
    }
  }

  #note(error: unknown): void {
    this.#options.log.debug({ error: (error as Error).message }, 'Redis did not do what was asked')
  }
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
