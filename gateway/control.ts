import { setTimeout as pause } from 'node:timers/promises'
import { type Amounts, GRANT_LEASE_MS } from '#fleet/amounts.ts'
import type { ClusterView, Fleet, MakeFleet } from '#fleet/fleet.ts'
import { LocalFleet } from '#fleet/local-fleet.ts'
import type { FleetNodeState, NodeEntry } from '#fleet/registry.ts'
import type { LoadedConfig, RefusedConfig } from '#gateway/config.ts'
import type { Config } from '#gateway/config-schema.ts'
import { Drain } from '#gateway/drain.ts'
import { budgetOf } from '#gateway/grants.ts'
import { advertisedBy } from '#gateway/listener.ts'
import { advertisedPorts, type LiveNode, liveNodeOf } from '#gateway/live-nodes.ts'
import { descriptionOf, Membership } from '#gateway/membership.ts'
import { configHash, type Judged, judge, Refusal, summaryOf } from '#gateway/reload.ts'
import type { TopicChanges } from '#gateway/topics.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'
import { WorkerPool } from '#gateway/worker-pool.ts'
import type { GrantStatus, ReloadStatus } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

/** A node is ready without a cluster's topics after this long, in ms. */
const FIRST_READING_MS = 3000
/** The fleet gives a node its floor after a lease at the latest, in ms. */
const ADMITTED_MS = GRANT_LEASE_MS + 1500
const ADMITTED_POLL_MS = 50
const REPORT_MS = 1000

export interface ControlOptions {
  /** Left out: a node alone. */
  makeFleet?: MakeFleet
  /** Workers are processes of their own; else one runs inside this process. */
  forked: boolean
  /** Reads the sources of the configuration anew; left out: this node cannot be reloaded. */
  load?: () => LoadedConfig | RefusedConfig
}

/** Who is told of what happens here: the registry of the fleet, systemd. */
export interface ControlHooks {
  /** `state`, `drained`, `config` or `self` are others than before. */
  changed(): void
  reloading(): void
  /** The workers' samples of the last second are in. */
  reported(): void
  /** @param error in words; empty when it went well */
  reloaded(error: string): void
}

/** What was asked makes no sense now; the words say why. */
export class Conflict extends Error {}

/**
 * The control side of a node: it owns the config, the membership in the fleet, the merged counters and the
 * node's state; the workers own the sockets.
 */
export class Control {
  config: Config
  readonly log: Log
  state: FleetNodeState = 'starting'
  /** Of a drain: the last connection is gone. */
  drained = false
  lastReload: ReloadStatus | null = null
  readonly fleet: Fleet
  readonly pool: WorkerPool
  readonly hooks: Partial<ControlHooks>[] = []
  readonly #load: ControlOptions['load']
  readonly #membership: Membership
  readonly #pins = new Map<string, string>()
  readonly #grants = new Map<string, GrantStatus>()
  #nodes: readonly LiveNode[] = []
  #reports: NodeJS.Timeout | undefined
  #drain: Drain | null = null
  #undraining: Promise<void> | null = null
  #ending = false
  #reloads: Promise<unknown> = Promise.resolve()

  constructor(config: Config, { forked, load, makeFleet }: ControlOptions, log: Log) {
    this.config = config
    this.log = log
    this.#load = load
    this.#membership = new Membership(config, forked ? config.node.workers : 1, {
      make: makeFleet ?? ((options) => new LocalFleet(options)),
      log,
      pinned: (cluster) => this.#pins.get(cluster),
      events: {
        changes: (cluster, changes) => {
          // One that a reload has not taken over yet concerns nobody.
          if (this.#has(cluster)) this.pool.broadcast({ type: 'topics', cluster, changes })
        },
        grant: (cluster, grant) => this.setGrant(cluster, grant, grant),
        nodes: (nodes) => this.#onNodes(nodes),
        redis: ({ state, reason }) => this.#onRedis(state, reason),
      },
    })
    this.fleet = this.#membership.fleet
    this.pool = new WorkerPool(config, forked, log, {
      onStarting: (send) => {
        for (const { name, map } of this.#views()) {
          send({ type: 'topics', cluster: name, changes: map.whole() })
        }
        for (const [cluster, clusterId] of this.#pins) send({ type: 'pin', cluster, clusterId })
        send({ type: 'nodes', nodes: this.#nodes })
      },
      onMessage: (message) => {
        if (message.type === 'met') this.#pin(message.cluster, message.clusterId)
        else if (message.type === 'learned') {
          this.fleet.learned(message.cluster, message.topic, message.entry)
        }
      },
    })
  }

  #has(cluster: string): boolean {
    return this.config.clusters.some(({ name }) => name === cluster)
  }

  /** Of the clusters of the configuration. */
  #views(names = this.config.clusters.map(({ name }) => name)): ClusterView[] {
    return names.flatMap((name) => {
      const view = this.fleet.clusters.get(name)
      return view ? [view] : []
    })
  }

  /** All workers take the cluster for the one that the first of them has met. */
  #pin(cluster: string, clusterId: string): void {
    if (this.#pins.has(cluster)) return
    this.#pins.set(cluster, clusterId)
    this.pool.broadcast({ type: 'pin', cluster, clusterId })
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    await this.fleet.start(this.#membership.clustersOf(this.config))
    this.#takeGrants()
    await this.pool.start()
    this.#describe()
    await this.#prepared(this.#views())
    this.#reports = setInterval(() => this.#report(), REPORT_MS)
    this.#become('serving')
  }

  /** What the fleet has granted so far, or the floors; alone a node has the whole budgets anyway. */
  #takeGrants(): void {
    if (this.fleet.mode === 'local') return
    for (const { name, grant } of this.#views()) this.setGrant(name, grant, grant)
  }

  /**
   * Clients may be taken for these clusters: their topics are known, and the other nodes have made room for
   * what this one may use at least. A cluster that does not answer, or a node that does not give way, holds
   * that up only so long.
   */
  async #prepared(views: readonly ClusterView[]): Promise<void> {
    const read = Promise.race([Promise.all(views.map(({ first }) => first)), pause(FIRST_READING_MS)])
    await Promise.all([read, this.#admitted(views)])
  }

  async #admitted(views: readonly ClusterView[]): Promise<void> {
    const end = performance.now() + ADMITTED_MS
    while (this.fleet.redis.state === 'up' && performance.now() < end) {
      if (views.every(({ isAdmitted }) => isAdmitted)) return
      await pause(ADMITTED_POLL_MS)
    }
  }

  #report(): void {
    this.#membership.report(this.config, this.pool.sample())
    for (const { reported } of this.hooks) reported?.()
  }

  #become(state: FleetNodeState): void {
    this.state = state
    this.fleet.setState(state)
    this.#changed()
  }

  #changed(): void {
    for (const { changed } of this.hooks) changed?.()
  }

  // ── the fleet ───────────────────────────────────────────────────────────────────────────────────────

  /** What the others must know of this node. Its ports are bound. */
  get self(): LiveNode {
    const { node, listeners, clusters } = this.config
    const shown = listeners.map((listener) => {
      return [listener.name, advertisedBy(listener, this.pool.ports, clusters, node.id)] as const
    })
    return { id: node.id, slot: slotOf(node.id), listeners: Object.fromEntries(shown) }
  }

  get configHash(): string {
    return configHash(this.config)
  }

  #describe(): void {
    const ports = advertisedPorts(this.self)
    this.fleet.describe(descriptionOf(this.config, ports, this.configHash))
  }

  #onNodes(nodes: readonly NodeEntry[]): void {
    const serving = nodes.filter(({ state }) => state === 'serving')
    // Without a fleet the workers show the node itself, whatever its state is.
    const isAlone = this.fleet.mode === 'local' || this.fleet.redis.state !== 'up'
    this.setNodes(isAlone ? [] : serving.map((node) => liveNodeOf(node, this.config)))
  }

  #onRedis(state: string, reason: string): void {
    if (state === 'up') this.log.info('together with the fleet')
    else this.log.warn({ reason }, 'without the fleet: the last grants and topics stay')
    this.#onNodes(this.fleet.nodes())
    this.#changed()
  }

  /** The nodes that serve, this one among them if it does; none: it is alone. To be told when they change. */
  setNodes(nodes: readonly LiveNode[]): void {
    this.#nodes = nodes
    this.pool.broadcast({ type: 'nodes', nodes })
  }

  /** What this node may put on a cluster, instead of the whole budget. */
  setGrant(cluster: string, grant: Amounts, how: { stale?: boolean; overcommitted?: boolean } = {}): void {
    this.#grants.set(cluster, { ...grant, stale: false, overcommitted: false, ...how })
    this.pool.grant(cluster, grant)
  }

  /** By cluster of the configuration. */
  get grants(): ReadonlyMap<string, GrantStatus> {
    return new Map(
      this.config.clusters.map((cluster) => {
        const whole = { ...budgetOf(cluster), stale: false, overcommitted: false }
        return [cluster.name, this.#grants.get(cluster.name) ?? whole]
      }),
    )
  }

  // ── drain ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Takes no new clients and ends the connections, within `drain.timeout`. The process stays.
   *
   * @returns what tells how it ends; one under way is gone on with
   * @throws Conflict
   */
  drain(): Drain {
    if (this.state === 'starting') throw new Conflict('the node is starting')
    if (this.#undraining) throw new Conflict('the node is coming back from a drain')
    if (this.#drain) return this.#drain
    const { drain } = this.config
    this.log.info(drain, 'draining')
    return this.#beginDrain(drain)
  }

  #beginDrain(times: Config['drain']): Drain {
    const drain = new Drain(this.pool, times)
    this.#drain = drain
    this.#become('draining')
    void drain.done.then((drained) => {
      if (!drained || this.#drain !== drain) return
      this.drained = true
      this.log.info('the last connection is gone')
      this.#changed()
    })
    return drain
  }

  /**
   * Serves again.
   *
   * @throws Conflict; Error that names the port that cannot be bound again, and then it stays drained
   */
  undrain(): Promise<void> {
    if (this.state === 'starting') throw new Conflict('the node is starting')
    if (this.#ending) throw new Conflict('the process is ending, which cannot be taken back')
    this.#undraining ??= this.#undrain().finally(() => (this.#undraining = null))
    return this.#undraining
  }

  async #undrain(): Promise<void> {
    if (!this.#drain) return
    try {
      await this.#drain.giveUp()
    } catch (error) {
      this.#beginDrain({ ...this.config.drain, delay: 0 })
      throw error
    }
    this.#drain = null
    this.drained = false
    this.log.info('serving again')
    this.#become('serving')
  }

  /** The last drain: SIGTERM. Resolves when the last connection is gone, or at `drain.timeout`. */
  async end(): Promise<void> {
    this.#ending = true
    await this.#undraining?.catch(() => {})
    await this.drain().done
  }

  // ── reload ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Reads the configuration anew and goes over to it.
   *
   * @returns the settings that have changed
   * @throws Conflict; Refusal with all that is wrong. Nothing has changed then
   */
  reload(): Promise<string[]> {
    const reloaded = this.#reloads.then(() => this.#reload())
    this.#reloads = reloaded.catch(() => {})
    return reloaded
  }

  async #reload(): Promise<string[]> {
    for (const { reloading } of this.hooks) reloading?.()
    try {
      const changed = await this.#tryReload()
      this.#reloaded(changed, '')
      this.log.info({ changed, hash: this.configHash }, 'reloaded')
      return changed
    } catch (error) {
      const errors = error instanceof Refusal ? error.errors : [(error as Error).message]
      this.#reloaded(errors, errors.join('; '))
      this.log.error({ errors }, 'not reloaded: nothing has changed')
      throw error
    }
  }

  #reloaded(text: readonly string[], error: string): void {
    this.lastReload = { at: Date.now(), ok: error === '', text }
    for (const { reloaded } of this.hooks) reloaded?.(error)
  }

  async #tryReload(): Promise<string[]> {
    if (!this.#load) throw new Conflict('this node has no configuration that could be read anew')
    this.#mustServe()
    const judged = judge(this.config, this.#load())
    if (judged.changed.length > 0) await this.#takeOver(judged)
    return summaryOf(judged.changed)
  }

  #mustServe(): void {
    if (this.state !== 'serving') throw new Conflict(`the node is ${this.state}: it cannot be reloaded now`)
  }

  async #takeOver({ config }: Judged): Promise<void> {
    const old = this.config
    const added = config.clusters.filter(({ name }) => !this.#has(name))
    // The topics of a new cluster must be known before it is anybody's.
    this.fleet.setClusters(this.#membership.clustersOf({ ...old, clusters: [...old.clusters, ...added] }))
    try {
      await this.pool.reload(config, () => this.#firstTopics(added.map(({ name }) => name)))
    } catch (error) {
      for (const { name } of added) this.#forget(name)
      this.fleet.setClusters(this.#membership.clustersOf(old))
      throw error
    }
    this.config = config
    if (this.log.level !== config.log.level) this.log.level = config.log.level
    for (const { name } of old.clusters) if (!this.#has(name)) this.#forget(name)
    this.#membership.becomes(config)
    this.fleet.setClusters(this.#membership.clustersOf(config))
    // What was learned of the new ones since the workers were told.
    for (const { name, map } of this.#views(added.map((cluster) => cluster.name))) {
      this.pool.broadcast({ type: 'topics', cluster: name, changes: map.whole() })
    }
    this.#takeGrants()
    this.#describe()
    this.#onNodes(this.fleet.nodes())
    this.#changed()
  }

  /** Clients find the topics of a new cluster at once, unless it does not answer. */
  async #firstTopics(added: string[]): Promise<Record<string, TopicChanges>> {
    await this.#prepared(this.#views(added))
    this.#mustServe()
    return Object.fromEntries(this.#views(added).map(({ name, map }) => [name, map.whole()]))
  }

  #forget(cluster: string): void {
    this.#pins.delete(cluster)
    this.#grants.delete(cluster)
    this.#membership.forget(cluster)
    this.pool.forgetGrant(cluster)
  }

  /** Ends everything at once; after a drain that is: leaves the fleet. */
  async stop(): Promise<void> {
    clearInterval(this.#reports)
    this.pool.stop()
    await this.fleet.stop()
  }
}
