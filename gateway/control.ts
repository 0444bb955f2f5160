import type { Config } from '#gateway/config-schema.ts'
import { RefreshLoop } from '#gateway/refresh-loop.ts'
import { WorkerPool } from '#gateway/worker-pool.ts'
import type { NodeState } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

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

  /** @param forked workers are processes of their own; else one runs inside this process */
  constructor(config: Config, forked: boolean, log: Log) {
    this.config = config
    this.log = log
    this.pool = new WorkerPool(config, { slot: 0, forked }, log, {
      onStarted: (send) => {
        for (const [cluster, { map }] of this.loops) send({ type: 'topics', cluster, changes: map.whole() })
      },
      onMessage: (message) => {
        if (message.type !== 'learned') return
        const { cluster, topic, entry } = message
        this.loops.get(cluster)?.learned({ [topic]: entry })
        this.pool.broadcast({ type: 'topics', cluster, changes: { [topic]: entry } })
      },
    })
    for (const cluster of config.clusters) {
      const loop = new RefreshLoop(cluster, config.refresh.interval, log, (changes) =>
        this.pool.broadcast({ type: 'topics', cluster: cluster.name, changes }),
      )
      this.loops.set(cluster.name, loop)
    }
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    await this.pool.start()
    for (const loop of this.loops.values()) void loop.run()
    this.state = 'serving'
  }

  stop(): void {
    for (const loop of this.loops.values()) loop.stop()
    this.pool.stop()
  }
}
