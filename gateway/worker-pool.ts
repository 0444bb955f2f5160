import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Amounts } from '#fleet/amounts.ts'
import type { Config } from '#gateway/config-schema.ts'
import { type Channel, type Down, localChannel, type Start, type Up } from '#gateway/control-channel.ts'
import { budgetOf, shareOf } from '#gateway/grants.ts'
import { mergeSamples, retire } from '#gateway/merge-samples.ts'
import { assertPortsFree, type Port, portsOf } from '#gateway/port-check.ts'
import type { TopicChanges } from '#gateway/topics.ts'
import { serveChannel } from '#gateway/worker.ts'
import { WORKER_FLAGS } from '#gateway/worker-flags.ts'
import type { WorkerSample } from '#status/samples.ts'
import type { Log } from '#telemetry/log.ts'

/** A worker that dies is started again after this long, in ms: a fault at start must not spin. */
const RESTART_MS = 500
/** A worker that does what it is told this much too late, in ms, hangs. */
const LATE_MS = 1000
/** A worker does what a reload or the end of a drain asks of it within this time, in ms. */
const ANSWER_MS = 5000
const PORT_TRIES = 10
const PORT_PAUSE_MS = 100
const WORKER = new URL('worker-main.ts', import.meta.url)

interface Slot {
  index: number
  channel: Channel<Down, Up>
  child: ChildProcess | null
  sample: WorkerSample | null
  /** It has said that its last connection is gone, or it is gone itself. */
  over: boolean
  gone: boolean
  /** It serves, or is drained: it can be asked for things. */
  listening: boolean
  /** What it was asked and has not answered, by id. */
  asked: Map<number, { resolve(ports: Record<string, number>): void; reject(error: Error): void }>
}

/** What is asked of a worker that answers `done` or `refused`. */
type Order =
  | ({ type: 'prepare' } & Omit<Extract<Down, { type: 'prepare' }>, 'id' | 'type'>)
  | { type: 'commit'; topics: Record<string, TopicChanges> }
  | { type: 'undrain' }

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
  #config: Config
  readonly #forked: boolean
  readonly #log: Log
  readonly #events: PoolEvents
  readonly #slots: Slot[] = []
  /** What workers that died had counted. */
  #retired: WorkerSample | null = null
  /** The sum of all samples; undefined since one of them has changed. */
  #merged: WorkerSample | null | undefined
  #onDrained: () => void = () => {}
  /** Nobody is started anew. */
  #ending = false
  /** Of this node, where the fleet has set them; by cluster. */
  readonly #grants = new Map<string, Amounts>()
  /** When the workers will have closed the ports of removed clusters, in ms, by `host:port`. */
  readonly #lingering = new Map<string, number>()
  #watched: readonly string[] = []
  #nextId = 0
  /** Starts and reloads, one after the other: a worker gets the old config or the new one. */
  #turn: Promise<unknown> = Promise.resolve()
  restarts = 0

  constructor(config: Config, forked: boolean, log: Log, events: PoolEvents) {
    this.#config = config
    this.#forked = forked
    this.#log = log
    this.#events = events
  }

  /** @throws Error that names the port, when one cannot be bound */
  async start(): Promise<void> {
    if (this.#forked) await assertPortsFree(portsOf(this.#config))
    for (let index = 0; index < this.#workers; index++) await this.#startWorker(index)
  }

  get #workers(): number {
    return this.#forked ? this.#config.node.workers : 1
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  #startOf(config: Config, index: number, ports: Record<string, number>): Start {
    const grants = config.clusters.map((cluster) => {
      const grant = this.#grants.get(cluster.name) ?? budgetOf(cluster)
      return [cluster.name, shareOf(grant, index, this.#workers)] as const
    })
    return { config, ports, workers: this.#workers, grants: Object.fromEntries(grants) }
  }

  async #startWorker(index: number): Promise<void> {
    const child = this.#forked ? fork(WORKER, { serialization: 'advanced', execArgv: WORKER_FLAGS }) : null
    const channel = child ? channelOf(child) : localWorker(this.#log)
    const asked: Slot['asked'] = new Map()
    const state = { sample: null, over: false, gone: false, listening: false }
    const slot: Slot = { index, channel, child, asked, ...state }
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
    channel.send({ type: 'start', ...this.#startOf(this.#config, index, this.ports) })
    if (this.#watched.length > 0) channel.send({ type: 'watch', clients: this.#watched })
    this.#events.onStarting((message) => channel.send(message))
    channel.send({ type: 'listen' })
    this.ports = await listening
    slot.listening = true
  }

  #onMessage(slot: Slot, message: Up): void {
    if (message.type === 'sample') {
      slot.sample = message.sample
      this.#merged = undefined
      this.#tellOthers(slot)
    } else if (message.type === 'drained') {
      this.#isOver(slot)
    } else if (message.type === 'done') slot.asked.get(message.id)?.resolve(message.ports)
    else if (message.type === 'refused') slot.asked.get(message.id)?.reject(new Error(message.reason))
    else this.#events.onMessage(message)
  }

  /** @throws Error in the worker's words, or when it does not answer */
  async #ask(slot: Slot, order: Order): Promise<Record<string, number>> {
    const id = this.#nextId++
    const answer = new Promise<Record<string, number>>((resolve, reject) => {
      slot.asked.set(id, { resolve, reject })
    })
    const late = new Error(`worker ${slot.index} has not answered within ${ANSWER_MS} ms`)
    const timer = setTimeout(() => slot.asked.get(id)?.reject(late), ANSWER_MS)
    slot.channel.send({ ...order, id })
    return answer.finally(() => {
      clearTimeout(timer)
      slot.asked.delete(id)
    })
  }

  /**
   * Swaps the configuration in all workers: each makes ready what can fail, and only when all are ready does
   * it hold, for frames read from then on.
   *
   * @param ready called when all workers are ready: the topics of new clusters. May throw to give up
   * @throws Error in words; then nothing has changed
   */
  reload(config: Config, ready: () => Promise<Record<string, TopicChanges>>): Promise<void> {
    return this.#inTurn(async () => {
      const live = this.#slots.filter(({ gone, listening }) => !gone && listening)
      let topics: Record<string, TopicChanges>
      let ports = this.ports
      try {
        if (this.#forked) await assertPortsFree(this.#newPorts(config))
        for (const slot of live) {
          const start = this.#startOf(config, slot.index, ports)
          ports = await this.#ask(slot, { type: 'prepare', ...start })
        }
        topics = await ready()
      } catch (error) {
        for (const { channel } of live) channel.send({ type: 'abort' })
        throw error
      }
      this.#linger(config)
      this.#config = config
      this.ports = ports
      await Promise.all(live.map((slot) => this.#commit(slot, topics)))
    })
  }

  /** Ports that none of our workers has open. */
  #newPorts(config: Config): Port[] {
    const now = performance.now()
    const own = new Set(portsOf(this.#config).map(nameOf))
    for (const [name, until] of this.#lingering) if (until > now) own.add(name)
    return portsOf(config).filter((port) => !own.has(nameOf(port)))
  }

  #linger(config: Config): void {
    const kept = new Set(portsOf(config).map(nameOf))
    for (const port of portsOf(this.#config)) {
      const until = performance.now() + config.limits.connectionMaxAge
      if (!kept.has(nameOf(port))) this.#lingering.set(nameOf(port), until)
    }
  }

  /** A worker that cannot take the new configuration over must not go on with the old one. */
  async #commit(slot: Slot, topics: Record<string, TopicChanges>): Promise<void> {
    try {
      await this.#ask(slot, { type: 'commit', topics })
    } catch (error) {
      const reason = (error as Error).message
      this.#log.error({ worker: slot.index, reason }, 'a worker did not take the new configuration over')
      slot.child?.kill('SIGKILL')
    }
  }

  /** What this node may put on a cluster; divided among its workers. */
  grant(cluster: string, grant: Amounts): void {
    this.#grants.set(cluster, grant)
    for (const { index, channel } of this.#slots) {
      channel.send({ type: 'grant', cluster, grant: shareOf(grant, index, this.#workers) })
    }
  }

  /** The grants of the fleet, as far as there are some. */
  get grants(): ReadonlyMap<string, Amounts> {
    return this.#grants
  }

  /** The cluster was removed. */
  forgetGrant(cluster: string): void {
    this.#grants.delete(cluster)
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
    this.#merged = undefined
    slot.gone = true
    for (const { reject } of slot.asked.values()) reject(new Error(`worker ${slot.index} ended with ${how}`))
    this.#isOver(slot)
    if (this.#ending) return
    this.restarts++
    this.#log.error({ worker: slot.index, how }, 'a worker died; another takes its place')
    setTimeout(() => this.#restart(slot.index), RESTART_MS)
  }

  /** One that cannot start is ended: its end is what brings the next try. */
  #restart(index: number): void {
    if (this.#ending) return
    this.#inTurn(() => this.#startWorker(index)).catch((error: Error) => {
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
    if (this.#merged === undefined) {
      const retired = this.#retired ? [this.#retired] : []
      this.#merged = mergeSamples([...this.#slots.flatMap(({ sample }) => sample ?? []), ...retired])
    }
    return this.#merged
  }

  /** `client.id`s that workers report whatever they send. */
  watch(clients: readonly string[]): void {
    this.#watched = clients
    this.broadcast({ type: 'watch', clients })
  }

  broadcast(message: Down): void {
    for (const { channel } of this.#slots) channel.send(message)
  }

  /** Resolves when the last connection of the last worker is gone, or a worker did not keep to the time. */
  drain(timeoutMs: number): Promise<void> {
    this.#ending = true
    for (const slot of this.#slots) slot.over = slot.gone
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

  /**
   * Gives up a drain, or comes back after it.
   *
   * @throws Error that names the port that cannot be bound; then all stay drained
   */
  async undrain(): Promise<void> {
    this.#ending = false
    this.#onDrained()
    this.#onDrained = () => {}
    try {
      if (this.#forked) await this.#untilPortsFree()
      for (const slot of this.#slots) {
        if (slot.gone) await this.#inTurn(() => this.#startWorker(slot.index))
        else await this.#ask(slot, { type: 'undrain' })
      }
    } catch (error) {
      void this.drain(ANSWER_MS)
      throw error
    }
  }

  /** Another gateway may have taken them; our own workers may be closing them just now. */
  async #untilPortsFree(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await assertPortsFree(portsOf(this.#config))
      } catch (error) {
        if (tries === PORT_TRIES) throw error
        await pause(PORT_PAUSE_MS)
      }
    }
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

function nameOf({ host, port }: Port): string {
  return `${host}:${port}`
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
