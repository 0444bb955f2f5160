import type { Config } from '#gateway/config-schema.ts'
import type { Channel, Down, Up } from '#gateway/control-channel.ts'
import { RefreshLoop } from '#gateway/refresh-loop.ts'
import type { NodeState, WorkerSample } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

/**
 * The control side of a node: it owns the config, the refresher, the merged counters and the node's state;
 * the workers own the sockets.
 */
export class Control {
  readonly config: Config
  readonly log: Log
  state: NodeState = 'starting'
  /** Bound ports by name: `public`, `public/eu`. */
  ports: Record<string, number> = {}
  sample: WorkerSample | null = null
  readonly loops = new Map<string, RefreshLoop>()
  readonly #channel: Channel<Down, Up>
  readonly #waiting = new Map<Up['type'], (message: Up) => void>()

  constructor(config: Config, channel: Channel<Down, Up>, log: Log) {
    this.config = config
    this.log = log
    this.#channel = channel
    channel.onMessage = (message) => this.#onMessage(message)
    for (const cluster of config.clusters) {
      const loop = new RefreshLoop(cluster, config.refresh.interval, log, (changes) =>
        channel.send({ type: 'topics', cluster: cluster.name, changes }),
      )
      this.loops.set(cluster.name, loop)
    }
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    const listening = this.#next('listening', 'failed')
    this.#channel.send({ type: 'start', config: this.config, slot: 0 })
    const answer = await listening
    if (answer.type === 'failed') throw new Error(answer.reason)
    if (answer.type === 'listening') this.ports = answer.ports
    for (const loop of this.loops.values()) void loop.run()
    this.state = 'serving'
  }

  #onMessage(message: Up): void {
    if (message.type === 'sample') this.sample = message.sample
    else if (message.type === 'learned') {
      this.loops.get(message.cluster)?.learned({ [message.topic]: message.entry })
    }
    this.#waiting.get(message.type)?.(message)
  }

  #next(...types: Up['type'][]): Promise<Up> {
    return new Promise((resolve) => {
      for (const type of types) {
        this.#waiting.set(type, (message) => {
          for (const other of types) this.#waiting.delete(other)
          resolve(message)
        })
      }
    })
  }

  /** Ends the workers' connections gracefully; resolves when the last one is gone. */
  async drain(timeoutMs: number): Promise<void> {
    const drained = this.#next('drained')
    this.#channel.send({ type: 'drain', timeoutMs })
    await drained
  }

  stop(): void {
    for (const loop of this.loops.values()) loop.stop()
    this.#channel.send({ type: 'stop' })
  }
}
