import { type ChildProcess, fork } from 'node:child_process'
import { createServer } from 'node:net'
import type { Config } from '#gateway/config-schema.ts'
import { type Channel, type Down, localChannel, type Up } from '#gateway/control-channel.ts'
import { mergeSamples, retire } from '#gateway/merge-samples.ts'
import { serveChannel } from '#gateway/worker.ts'
import type { WorkerSample } from '#status/contract.ts'
import type { Log } from '#telemetry/log.ts'

/** A worker that dies is started again after this long, in ms: a fault at start must not spin. */
const RESTART_MS = 500
const WORKER = new URL('worker-main.ts', import.meta.url)

interface Slot {
  index: number
  channel: Channel<Down, Up>
  child: ChildProcess | null
  sample: WorkerSample | null
}

export interface PoolEvents {
  /** A worker serves, for the first time or again: it must be told what the others know. */
  onStarted(send: (message: Down) => void): void
  onMessage(message: Up): void
}

/**
 * The workers of a node: processes of their own, or one inside this process behind the same channel. One
 * that dies is replaced, and the others do not notice.
 */
export class WorkerPool {
  /** Bound ports by name: `public`, `public/eu`. */
  ports: Record<string, number> = {}
  readonly #config: Config
  readonly #slot: number
  readonly #forked: boolean
  readonly #log: Log
  readonly #events: PoolEvents
  readonly #slots: Slot[] = []
  readonly #retired: WorkerSample[] = []
  readonly #drained = new Set<number>()
  #onDrained: () => void = () => {}
  #ending = false
  restarts = 0

  constructor(config: Config, options: { slot: number; forked: boolean }, log: Log, events: PoolEvents) {
    this.#config = config
    this.#slot = options.slot
    this.#forked = options.forked
    this.#log = log
    this.#events = events
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    if (this.#forked) await assertPortsFree(this.#config)
    const count = this.#forked ? this.#config.node.workers : 1
    for (let index = 0; index < count; index++) await this.#startWorker(index)
  }

  async #startWorker(index: number): Promise<void> {
    const child = this.#forked ? fork(WORKER, { serialization: 'advanced' }) : null
    const channel = child ? channelOf(child) : localWorker(this.#log)
    const slot: Slot = { index, channel, child, sample: null }
    this.#slots[index] = slot
    const listening = new Promise<Record<string, number>>((resolve, reject) => {
      channel.onMessage = (message) => {
        if (message.type === 'listening') resolve(message.ports)
        else if (message.type === 'failed') reject(new Error(message.reason))
        else this.#onMessage(slot, message)
      }
      child?.once('exit', (code, signal) => reject(new Error(`worker ${index} ended with ${code ?? signal}`)))
    })
    child?.once('exit', (code, signal) => this.#onExit(slot, code ?? signal))
    channel.send({ type: 'start', config: this.#config, slot: this.#slot, ports: this.ports })
    this.ports = await listening
    this.#events.onStarted((message) => channel.send(message))
  }

  #onMessage(slot: Slot, message: Up): void {
    if (message.type === 'sample') {
      slot.sample = message.sample
      this.#tellOthers(slot)
    } else if (message.type === 'drained') {
      this.#drained.add(slot.index)
      if (this.#drained.size === this.#slots.length) this.#onDrained()
    } else this.#events.onMessage(message)
  }

  /** Limits of a node hold for its workers together. */
  #tellOthers(from: Slot): void {
    if (this.#slots.length === 1) return
    for (const slot of this.#slots) {
      if (slot === from) continue
      let connections = 0
      for (const other of this.#slots) if (other !== slot) connections += other.sample?.connections ?? 0
      slot.channel.send({ type: 'others', connections })
    }
  }

  #onExit(slot: Slot, how: number | string | null): void {
    if (slot.sample) this.#retired.push(retire(slot.sample))
    slot.sample = null
    if (this.#ending) {
      this.#drained.add(slot.index)
      if (this.#drained.size === this.#slots.length) this.#onDrained()
      return
    }
    this.restarts++
    this.#log.error({ worker: slot.index, how }, 'a worker died; another takes its place')
    setTimeout(() => this.#restart(slot.index), RESTART_MS)
  }

  #restart(index: number): void {
    if (this.#ending) return
    this.#startWorker(index).catch((error: Error) => {
      this.#log.error({ worker: index, error: error.message }, 'a worker could not be started')
    })
  }

  /** Process ids, for the live status; none for a worker inside this process. */
  get pids(): number[] {
    return this.#slots.flatMap(({ child }) => child?.pid ?? [])
  }

  /** What all workers of this node counted together. */
  sample(): WorkerSample | null {
    return mergeSamples([...this.#slots.flatMap(({ sample }) => sample ?? []), ...this.#retired])
  }

  broadcast(message: Down): void {
    for (const { channel } of this.#slots) channel.send(message)
  }

  /** Resolves when the last connection of the last worker is gone. */
  drain(timeoutMs: number): Promise<void> {
    this.#ending = true
    return new Promise((resolve) => {
      this.#onDrained = resolve
      this.broadcast({ type: 'drain', timeoutMs })
    })
  }

  stop(): void {
    this.#ending = true
    this.broadcast({ type: 'stop' })
  }
}

function channelOf(child: ChildProcess): Channel<Down, Up> {
  const channel: Channel<Down, Up> = {
    send: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    onMessage: () => {},
  }
  child.on('message', (message) => channel.onMessage(message as Up))
  return channel
}

function localWorker(log: Log): Channel<Down, Up> {
  const { control, worker } = localChannel()
  serveChannel(worker, log, false)
  return control
}

/**
 * Workers share their ports (SO_REUSEPORT), so a second gateway on them would not fail by itself: whoever
 * binds without sharing finds out.
 */
async function assertPortsFree({ listeners, clusters }: Config): Promise<void> {
  for (const { name, bind, advertised } of listeners) {
    if (bind.port === 0) continue
    const offsets = advertised.perCluster ? clusters.map(({ portOffset }) => portOffset) : []
    for (const offset of new Set([0, ...offsets])) await assertFree(name, bind.host, bind.port + offset)
  }
}

function assertFree(listener: string, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? `port ${port} is in use` : error.message
      reject(new Error(`listeners: ${listener} cannot bind ${host}:${port}: ${why}`))
    })
    server.listen({ host, port }, () => server.close(() => resolve()))
  })
}
