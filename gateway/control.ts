import { setTimeout as pause } from 'node:timers/promises'
import type { LoadedConfig, RefusedConfig } from '#gateway/config.ts'
import type { ClusterConfig, Config } from '#gateway/config-schema.ts'
import { Drain } from '#gateway/drain.ts'
import { budgetOf, type Grant } from '#gateway/grants.ts'
import { advertisedBy } from '#gateway/listener.ts'
import type { LiveNode } from '#gateway/live-nodes.ts'
import { RefreshLoop } from '#gateway/refresh-loop.ts'
import { configHash, type Judged, judge, Refusal, summaryOf } from '#gateway/reload.ts'
import type { TopicChanges } from '#gateway/topics.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'
import { WorkerPool } from '#gateway/worker-pool.ts'
import type { GrantStatus, NodeState, ReloadStatus } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

/** A node is ready without a cluster's topics after this long, in ms. */
const FIRST_READING_MS = 3000

export interface ControlOptions {
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
  /** @param error in words; empty when it went well */
  reloaded(error: string): void
}

/** What was asked makes no sense now; the words say why. */
export class Conflict extends Error {}

/**
 * The control side of a node: it owns the config, the refresher, the merged counters and the node's state;
 * the workers own the sockets.
 */
export class Control {
  config: Config
  readonly log: Log
  state: NodeState = 'starting'
  /** Of a drain: the last connection is gone. */
  drained = false
  lastReload: ReloadStatus | null = null
  readonly loops = new Map<string, RefreshLoop>()
  readonly pool: WorkerPool
  readonly hooks: Partial<ControlHooks>[] = []
  readonly #load: ControlOptions['load']
  readonly #pins = new Map<string, string>()
  readonly #grants = new Map<string, GrantStatus>()
  #nodes: readonly LiveNode[] = []
  #drain: Drain | null = null
  #undraining: Promise<void> | null = null
  #ending = false
  #reloads: Promise<unknown> = Promise.resolve()

  constructor(config: Config, { forked, load }: ControlOptions, log: Log) {
    this.config = config
    this.log = log
    this.#load = load
    this.pool = new WorkerPool(config, forked, log, {
      onStarting: (send) => {
        for (const [cluster, { map }] of this.loops) send({ type: 'topics', cluster, changes: map.whole() })
        for (const [cluster, clusterId] of this.#pins) send({ type: 'pin', cluster, clusterId })
        send({ type: 'nodes', nodes: this.#nodes })
      },
      onMessage: (message) => {
        if (message.type === 'met') this.#pin(message.cluster, message.clusterId)
        if (message.type !== 'learned') return
        const { cluster, topic, entry } = message
        this.loops.get(cluster)?.learned(topic, entry)
        this.pool.broadcast({ type: 'topics', cluster, changes: { [topic]: entry } })
      },
    })
    for (const cluster of config.clusters) this.loops.set(cluster.name, this.#loopFor(cluster, config))
  }

  #loopFor(cluster: ClusterConfig, { refresh }: Config): RefreshLoop {
    const { name } = cluster
    const loop: RefreshLoop = new RefreshLoop(cluster, refresh.interval, this.log, {
      // One that a reload has not taken over yet tells nobody.
      changed: (changes) => {
        if (this.loops.get(name) === loop) this.pool.broadcast({ type: 'topics', cluster: name, changes })
      },
      pinned: () => this.#pins.get(name),
    })
    return loop
  }

  /** All workers take the cluster for the one that the first of them has met. */
  #pin(cluster: string, clusterId: string): void {
    if (this.#pins.has(cluster)) return
    this.#pins.set(cluster, clusterId)
    this.pool.broadcast({ type: 'pin', cluster, clusterId })
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    await this.pool.start()
    const loops = [...this.loops.values()]
    for (const loop of loops) void loop.run()
    // Ready means that clients are told of topics; a cluster that does not answer holds that up only so long.
    await Promise.race([Promise.all(loops.map(({ first }) => first)), pause(FIRST_READING_MS)])
    this.#become('serving')
  }

  #become(state: NodeState): void {
    this.state = state
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

  /** The nodes that serve, this one among them if it does; none: it is alone. To be told when they change. */
  setNodes(nodes: readonly LiveNode[]): void {
    this.#nodes = nodes
    this.pool.broadcast({ type: 'nodes', nodes })
  }

  /** What this node may put on a cluster, instead of the whole budget. */
  setGrant(cluster: string, grant: Grant, how: { stale?: boolean; overcommitted?: boolean } = {}): void {
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
    const added = config.clusters.filter(({ name }) => !this.loops.has(name))
    const loops = new Map(added.map((cluster) => [cluster.name, this.#loopFor(cluster, config)]))
    try {
      await this.pool.reload(config, () => this.#firstTopics(loops))
    } catch (error) {
      for (const loop of loops.values()) loop.stop()
      for (const { name } of added) this.#pins.delete(name)
      throw error
    }
    if (this.config.log.level !== config.log.level) this.log.level = config.log.level
    this.config = config
    for (const [name, loop] of this.loops) {
      const cluster = config.clusters.find((each) => each.name === name)
      if (cluster) loop.reload(cluster, config.refresh.interval)
      else this.#forget(name, loop)
    }
    for (const [name, loop] of loops) {
      this.loops.set(name, loop)
      // What it has learned since the workers were told.
      this.pool.broadcast({ type: 'topics', cluster: name, changes: loop.map.whole() })
    }
    this.#changed()
  }

  /** Clients find the topics of a new cluster at once, unless it does not answer. */
  async #firstTopics(loops: ReadonlyMap<string, RefreshLoop>): Promise<Record<string, TopicChanges>> {
    for (const loop of loops.values()) void loop.run()
    const read = [...loops.values()].map(({ first }) => first)
    await Promise.race([Promise.all(read), pause(FIRST_READING_MS)])
    this.#mustServe()
    return Object.fromEntries([...loops].map(([name, { map }]) => [name, map.whole()]))
  }

  #forget(cluster: string, loop: RefreshLoop): void {
    loop.stop()
    this.loops.delete(cluster)
    this.#pins.delete(cluster)
    this.#grants.delete(cluster)
    this.pool.forgetGrant(cluster)
  }

  stop(): void {
    for (const loop of this.loops.values()) loop.stop()
    this.pool.stop()
  }
}
