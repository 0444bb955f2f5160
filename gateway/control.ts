import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '#gateway/config-schema.ts'
import { RefreshLoop } from '#gateway/refresh-loop.ts'
import { WorkerPool } from '#gateway/worker-pool.ts'
import type { NodeState } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

/** A node is ready without a cluster's topics after this long, in ms. */
const FIRST_READING_MS = 3000

/**
 * The control side of a node: it owns the config, the refresher, the merged counters and the node's state;
 * the workers own the sockets.
 */
export class Control {
  readonly config: Config
  readonly log: Log
  state: NodeState = 'starting'
  readonly loops = new Map<string, RefreshLoop>()
  readonly pool: WorkerPool
  readonly #pins = new Map<string, string>()

  /** @param forked workers are processes of their own; else one runs inside this process */
  constructor(config: Config, forked: boolean, log: Log) {
    this.config = config
    this.log = log
    this.pool = new WorkerPool(config, forked, log, {
      onStarting: (send) => {
        for (const [cluster, { map }] of this.loops) send({ type: 'topics', cluster, changes: map.whole() })
        for (const [cluster, clusterId] of this.#pins) send({ type: 'pin', cluster, clusterId })
      },
      onMessage: (message) => {
        if (message.type === 'met') this.#pin(message.cluster, message.clusterId)
        if (message.type !== 'learned') return
        const { cluster, topic, entry } = message
        this.loops.get(cluster)?.learned(topic, entry)
        this.pool.broadcast({ type: 'topics', cluster, changes: { [topic]: entry } })
      },
    })
    for (const cluster of config.clusters) {
      const loop = new RefreshLoop(cluster, config.refresh.interval, log, {
        changed: (changes) => this.pool.broadcast({ type: 'topics', cluster: cluster.name, changes }),
        pinned: () => this.#pins.get(cluster.name),
      })
      this.loops.set(cluster.name, loop)
    }
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
    this.state = 'serving'
  }

  stop(): void {
    for (const loop of this.loops.values()) loop.stop()
    this.pool.stop()
  }
}
