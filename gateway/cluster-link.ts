import { Engine } from '#batcher/engine.ts'
import type { Amounts } from '#fleet/amounts.ts'
import { ClusterCap } from '#gateway/cluster-cap.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { ClusterCounters } from '#gateway/counters.ts'
import { EngineClock } from '#gateway/engine-clock.ts'
import { LaneSockets } from '#gateway/lane-sockets.ts'
import type { Log } from '#telemetry/log.ts'
import { Cluster } from '#upstream/cluster.ts'

export interface LinkOptions {
  /** This worker's part of the cluster's budget. */
  grant: Amounts
  /** Bytes that the cluster's batches may hold in this worker. */
  memory: number
  log: Log
  /** Called when what has just come for the cluster is to wait for its window to close. */
  onLinger(): void
  /** Called with the id of the cluster, when it is met for the first time. */
  met(clusterId: string): void
}

/** How often it is looked whether a cluster that was removed has answered its last batch, in ms. */
const RETIRE_POLL_MS = 100
/** A window that waited for a lane beyond the grant makes for so long that more are wanted, in ms. */
const DEMAND_MS = 10_000

/** One cluster of one worker: the engine that decides, the sockets that carry, and the ports between. */
export class ClusterLink {
  readonly name: string
  readonly engine: Engine
  readonly cluster: Cluster
  readonly counters: ClusterCounters
  readonly sockets: LaneSockets
  readonly cap: ClusterCap
  readonly clock: EngineClock
  #window: ClusterConfig['window']
  #grant: Amounts
  #deniedSeen = 0
  #deniedAt = Number.NEGATIVE_INFINITY

  constructor(config: ClusterConfig, { grant, memory, log, onLinger, met }: LinkOptions) {
    this.name = config.name
    this.clock = new EngineClock(onLinger)
    this.#window = config.window
    this.#grant = grant
    this.cap = new ClusterCap(memory)
    this.counters = new ClusterCounters(this.cap)
    this.cluster = new Cluster({
      ...config,
      log,
      onMet: met,
      onLeaders: (topic, errorCode, leaders) => this.engine.onLeaders(topic, errorCode, leaders),
      onStateChange: () => {
        this.engine.breakerOpen = this.cluster.state === 'down'
      },
    })
    this.sockets = new LaneSockets(this.cluster, log)
    this.engine = new Engine(this.#settings(), {
      clock: this.clock,
      submit: this.sockets,
      observer: this.counters,
    })
    this.clock.engine = this.engine
    this.sockets.engine = this.engine
  }

  #settings() {
    const { linger, maxBytes, maxPartitions } = this.#window
    return { window: { linger, maxBytes, maxPartitions }, ...this.#grant }
  }

  /** This worker's part of the cluster's budget, from now on. */
  grant(grant: Amounts): void {
    this.#grant = grant
    this.engine.settings = this.#settings()
  }

  /** What a request for a larger or smaller grant goes by. */
  demand(): { lanesInUse: number; lanesWanted: number; brokersInUse: number } {
    const { lanes, brokers } = this.engine
    const now = performance.now()
    if (lanes.denied !== this.#deniedSeen) this.#deniedAt = now
    this.#deniedSeen = lanes.denied
    let lanesInUse = 0
    let brokersInUse = 0
    for (const broker of brokers.values()) {
      lanesInUse = Math.max(lanesInUse, broker.lanes.length)
      if (broker.lanes.length > 0 || broker.partitionsReady > 0) brokersInUse++
    }
    const more = now - this.#deniedAt < DEMAND_MS ? Math.max(1, Math.ceil(lanesInUse / 2)) : 0
    return { lanesInUse, lanesWanted: lanesInUse + more, brokersInUse }
  }

  /** A reload. Addresses and client.id count for connections that are opened from now on. */
  reload(config: ClusterConfig, grant: Amounts): void {
    const { bootstrapServers, clientId, autoCreateTopics } = config
    Object.assign(this.cluster.options, { bootstrapServers, clientId, autoCreateTopics })
    this.#window = config.window
    this.grant(grant)
  }

  pin(clusterId: string): void {
    if (this.cluster.pin(clusterId)) this.sockets.closeAll()
  }

  start(): void {
    this.cluster.start()
  }

  /** The cluster was removed: what it has admitted is answered, then it is left. */
  retire(left: () => void): void {
    const timer = setInterval(() => {
      if (this.engine.waiting > 0) return
      clearInterval(timer)
      this.stop()
      left()
    }, RETIRE_POLL_MS)
    timer.unref()
  }

  stop(): void {
    this.clock.stop()
    this.sockets.stop()
    this.cluster.close()
  }
}
