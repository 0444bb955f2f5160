import { Engine } from '#batcher/engine.ts'
import type { EngineSettings } from '#batcher/ports.ts'
import { ClusterCap } from '#gateway/cluster-cap.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { ClusterCounters } from '#gateway/counters.ts'
import { EngineClock } from '#gateway/engine-clock.ts'
import { LaneSockets } from '#gateway/lane-sockets.ts'
import type { Log } from '#telemetry/log.ts'
import { Cluster } from '#upstream/cluster.ts'

export interface LinkOptions {
  /** Of this node, among which the cluster's budget is divided. */
  workers: number
  /** Bytes that the cluster's batches may hold in this worker. */
  memory: number
  log: Log
  /** Called with the id of the cluster, when it is met for the first time. */
  met(clusterId: string): void
}

/** One cluster of one worker: the engine that decides, the sockets that carry, and the ports between. */
export class ClusterLink {
  readonly name: string
  readonly engine: Engine
  readonly cluster: Cluster
  readonly counters: ClusterCounters
  readonly sockets: LaneSockets
  readonly cap: ClusterCap
  readonly #clock = new EngineClock()

  constructor(config: ClusterConfig, { workers, memory, log, met }: LinkOptions) {
    this.name = config.name
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
    this.engine = new Engine(settingsOf(config, workers), {
      clock: this.#clock,
      submit: this.sockets,
      observer: this.counters,
    })
    this.#clock.engine = this.engine
    this.sockets.engine = this.engine
  }

  pin(clusterId: string): void {
    if (this.cluster.pin(clusterId)) this.sockets.closeAll()
  }

  start(): void {
    this.cluster.start()
  }

  stop(): void {
    this.#clock.stop()
    this.sockets.stop()
    this.cluster.close()
  }
}

/** A node without a fleet has the whole budget; each of its workers has an even share. */
function settingsOf({ window }: ClusterConfig, workers: number): EngineSettings {
  const { linger, maxBytes, maxPartitions, lanes, inFlightBytes, submissionsPerSecond } = window
  return {
    window: { linger, maxBytes, maxPartitions },
    lanes: Math.max(1, Math.floor(lanes / workers)),
    inFlightBytes: inFlightBytes / workers,
    submissionsPerSecond: submissionsPerSecond / workers,
  }
}
