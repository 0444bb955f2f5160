import type { Engine } from '#batcher/engine.ts'
import type { Lane } from '#batcher/lane.ts'
import type { Submit } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { Log } from '#telemetry/log.ts'
import { pause, reconnectMs } from '#upstream/backoff.ts'
import type { Cluster } from '#upstream/cluster.ts'
import type { UpstreamConnection } from '#upstream/connection.ts'
import { produce } from '#upstream/produce.ts'

interface LaneSocket {
  connection: UpstreamConnection
  /** Bytes of the submission under way may have left. */
  written: boolean
  /** Closed by us, not lost. */
  closing: boolean
}

/** The sockets behind an engine's lanes. */
export class LaneSockets implements Submit {
  engine: Engine | null = null
  readonly #cluster: Cluster
  readonly #log: Log
  readonly #sockets = new Map<Lane, LaneSocket>()
  #stopped = false

  constructor(cluster: Cluster, log: Log) {
    this.#cluster = cluster
    this.#log = log
  }

  get connected(): number {
    return this.#sockets.size
  }

  askLeaders(topic: string): void {
    this.#cluster.askLeaders(topic)
  }

  open(lane: Lane): void {
    void this.#connect(lane)
  }

  async #connect(lane: Lane): Promise<void> {
    for (let failures = 0; lane.state === 'opening' && !this.#stopped; failures++) {
      if (failures > 0) await pause(reconnectMs(failures))
      const connection = await this.#tryConnect(lane)
      if (!connection) continue
      this.#sockets.set(lane, { connection, written: false, closing: false })
      if (this.#stopped || lane.state !== 'opening') connection.close()
      else this.engine!.onLaneOpen(lane)
      return
    }
  }

  async #tryConnect(lane: Lane): Promise<UpstreamConnection | null> {
    const { id } = lane.broker
    const address = this.#cluster.brokers.get(id)
    try {
      if (!address) throw new Error('the cluster names no address of it')
      const connection = await this.#cluster.open(address, () => this.#onClosed(lane))
      return connection.state === 'ready' ? connection : null
    } catch (error) {
      const fields = { cluster: this.#cluster.options.name, broker: id, error: (error as Error).message }
      this.#log.debug(fields, 'a lane could not be opened')
      this.#cluster.noteTrouble(id)
      return null
    }
  }

  #onClosed(lane: Lane): void {
    const socket = this.#sockets.get(lane)
    if (!socket) return
    this.#sockets.delete(lane)
    if (this.#stopped) return
    this.engine!.onLaneClosed(lane, socket.written)
    if (!socket.closing) this.#cluster.noteTrouble(lane.broker.id)
  }

  send(lane: Lane, submission: Submission): void {
    const socket = this.#sockets.get(lane)!
    const call = {
      acks: submission.acksClass === 0 ? (-1 as const) : (1 as const),
      timeoutMs: submission.timeoutMs,
      byTopic: submission.byTopic,
      batches: submission.batches,
    }
    try {
      produce(socket.connection, call, {
        // The connection is closed then, and `#onClosed` tells the engine.
        failed: () => {},
        answered: (results, throttleMs) => {
          socket.written = false
          this.engine!.onAnswer(lane, results, throttleMs)
        },
      })
      socket.written = true
    } catch (error) {
      socket.connection.close(error as Error)
    }
  }

  close(lane: Lane): void {
    const socket = this.#sockets.get(lane)
    if (socket) {
      // An unanswered submission is trouble; an idle lane is not.
      socket.closing = lane.submission === null
      socket.connection.close()
    } else this.engine!.onLaneClosed(lane, false)
  }

  /** Every lane is lost, and comes back. */
  closeAll(): void {
    for (const { connection } of [...this.#sockets.values()]) connection.close()
  }

  stop(): void {
    this.#stopped = true
    this.closeAll()
  }
}
