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
/** A worker that does what it is told this much too late, in ms, hangs. */
const LATE_MS = 1000
const WORKER = new URL('worker-main.ts', import.meta.url)

interface Slot {
  index: number
  channel: Channel<Down, Up>
  child: ChildProcess | null
  sample: WorkerSample | null
  /** It has said that its last connection is gone, or it is gone itself. */
  over: boolean
}

export interface PoolEvents {
  /** A worker is about to serve, for the first time or again: it must be told what the others know. */
  onStarting(send: (message: Down) => void): void
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
  readonly #forked: boolean
  readonly #log: Log
  readonly #events: PoolEvents
  readonly #slots: Slot[] = []
  /** What workers that died had counted. */
  #retired: WorkerSample | null = null
  #onDrained: () => void = () => {}
  #ending = false
  restarts = 0

  constructor(config: Config, forked: boolean, log: Log, events: PoolEvents) {
    this.#config = config
    this.#forked = forked
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
    const slot: Slot = { index, channel, child, sample: null, over: false }
    this.#slots[index] = slot
    const listening = new Promise<Record<string, number>>((resolve, reject) => {
      channel.onMessage = (message) => {
        if (message.type === 'listening') resolve(message.ports)
        else if (message.type === 'failed') reject(new Error(message.reason))
        else this.#onMessage(slot, message)
      }
      child?.once('error', reject)
      child?.once('exit', (code, signal) => reject(new Error(`worker ${index} ended with ${code ?? signal}`)))
    })
    // It may end before anybody waits for it to listen.
    listening.catch(() => {})
    child?.once('exit', (code, signal) => this.#onExit(slot, code ?? signal))
    // Before it listens: a worker that serves must know what its siblings know.
    const workers = this.#forked ? this.#config.node.workers : 1
    channel.send({ type: 'start', config: this.#config, ports: this.ports, workers })
    this.#events.onStarting((message) => channel.send(message))
    channel.send({ type: 'listen' })
    this.ports = await listening
  }

  #onMessage(slot: Slot, message: Up): void {
    if (message.type === 'sample') {
      slot.sample = message.sample
      this.#tellOthers(slot)
    } else if (message.type === 'drained') {
      this.#isOver(slot)
    } else this.#events.onMessage(message)
  }

  #isOver(slot: Slot): void {
    slot.over = true
    if (this.#slots.every(({ over }) => over)) this.#onDrained()
  }

  /** Limits of a node hold for its workers together. */
  #tellOthers(from: Slot): void {
    if (this.#slots.length === 1) return
    for (const slot of this.#slots) {
      if (slot === from) continue
      const others = mergeSamples(
        this.#slots.flatMap(({ sample }) => (sample && sample !== slot.sample ? [sample] : [])),
      )
      const { connections, addresses } = others!
      slot.channel.send({ type: 'others', connections, addresses })
    }
  }

  #onExit(slot: Slot, how: number | string | null): void {
    if (slot.sample)
      this.#retired = mergeSamples([...(this.#retired ? [this.#retired] : []), retire(slot.sample)])
    slot.sample = null
    this.#isOver(slot)
    if (this.#ending) return
    this.restarts++
    this.#log.error({ worker: slot.index, how }, 'a worker died; another takes its place')
    setTimeout(() => this.#restart(slot.index), RESTART_MS)
  }

  /** One that cannot start is ended: its end is what brings the next try. */
  #restart(index: number): void {
    if (this.#ending) return
    this.#startWorker(index).catch((error: Error) => {
      this.#log.error({ worker: index, error: error.message }, 'a worker could not be started')
      this.#slots[index]!.child?.kill('SIGKILL')
    })
  }

  /** Process ids, for the live status; none for a worker inside this process. */
  get pids(): number[] {
    return this.#slots.flatMap(({ child }) => child?.pid ?? [])
  }

  /** What all workers of this node counted together. */
  sample(): WorkerSample | null {
    const retired = this.#retired ? [this.#retired] : []
    return mergeSamples([...this.#slots.flatMap(({ sample }) => sample ?? []), ...retired])
  }

  broadcast(message: Down): void {
    for (const { channel } of this.#slots) channel.send(message)
  }

  /** Resolves when the last connection of the last worker is gone, or a worker did not keep to the time. */
  drain(timeoutMs: number): Promise<void> {
    this.#ending = true
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs + LATE_MS)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
      this.broadcast({ type: 'drain', timeoutMs })
      if (this.#slots.every(({ over }) => over)) this.#onDrained()
    })
  }

  /** Ends all workers at once. */
  stop(): void {
    this.#ending = true
    this.broadcast({ type: 'stop' })
    for (const { child } of this.#slots) {
      if (!child || child.exitCode !== null) continue
      const timer = setTimeout(() => child.kill('SIGKILL'), LATE_MS)
      child.once('exit', () => clearTimeout(timer))
    }
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
