import type { Socket } from 'node:net'
import { Admission } from '#batcher/admission.ts'
import type { CloseReason } from '#gateway/close-reasons.ts'
import { ClusterLink } from '#gateway/cluster-link.ts'
import type { Config } from '#gateway/config-schema.ts'
import { ClientConnection } from '#gateway/connection.ts'
import type { Channel, Down, Others, Start, Up } from '#gateway/control-channel.ts'
import { ClientCounters } from '#gateway/counters.ts'
import { Listener } from '#gateway/listener.ts'
import { MetadataBlobs } from '#gateway/metadata-answer.ts'
import { RouteTable } from '#gateway/route.ts'
import { drainConnections } from '#gateway/shutdown.ts'
import { Topics } from '#gateway/topics.ts'
import { TurnEnd } from '#gateway/turn-end.ts'
import { sampleOf } from '#gateway/worker-sample.ts'
import { createLog, type Log } from '#telemetry/log.ts'

const SWEEP_MS = 500
const SAMPLE_MS = 1000
/** So much of limits.maxConnections may come between two reports: the workers of a node share that limit. */
const UNREPORTED_SHARE = 0.01
/** Of a worker's memory, where there are several clusters: one that is dead leaves the other half. */
const CLUSTER_SHARE = 0.5

/**
 * One data process: client sockets, the engines, upstream sockets, and nothing else. It owns no Redis, no
 * HTTP and no admin client; the control process tells it what it must know through the channel.
 */
export class Worker {
  readonly log: Log
  readonly limits: Config['limits']
  readonly clusterId: string
  readonly zone: string | null
  readonly topics: Topics
  readonly blobs = new MetadataBlobs()
  readonly admission: Admission
  readonly counters = new ClientCounters()
  readonly turnEnd = new TurnEnd()
  readonly links = new Map<string, ClusterLink>()
  readonly connections = new Set<ClientConnection>()
  readonly listeners: Listener[]
  readonly #channel: Channel<Up, Down>
  readonly #byAddress = new Map<string, number>()
  readonly #timers: NodeJS.Timeout[] = []
  /** Client connections of the node's other workers. */
  #others: Others = { connections: 0, addresses: {} }
  #reportedConnections = 0
  #nextId = 0

  /** @param start what the control process said; `workers` share the node's limits */
  constructor({ config, workers }: Start, channel: Channel<Up, Down>, log: Log) {
    this.log = log
    this.limits = config.limits
    this.clusterId = config.clusterId
    this.zone = config.node.zone ?? null
    const { memory, largeFrames } = config.limits
    this.admission = new Admission(memory / workers, Math.max(1, Math.floor(largeFrames / workers)))
    this.#channel = channel
    const share = this.admission.budget * (config.clusters.length > 1 ? CLUSTER_SHARE : 1)
    for (const cluster of config.clusters) {
      const met = (clusterId: string) => channel.send({ type: 'met', cluster: cluster.name, clusterId })
      this.links.set(cluster.name, new ClusterLink(cluster, { workers, memory: share, log, met }))
    }
    const clusters = new Map([...this.links].map(([name, link]) => [name, link.cluster]))
    this.topics = new Topics(
      new RouteTable(config.routes),
      clusters,
      Math.ceil(config.limits.unknownTopicsPerSecond / workers),
      (cluster, topic, entry) => channel.send({ type: 'learned', cluster, topic, entry }),
    )
    this.listeners = config.listeners.map(
      (listener) => new Listener(listener, config, (socket) => this.#onSocket(socket, listener.name)),
    )
  }

  /** Binds the ports and connects to the clusters; a cluster that cannot be reached holds nothing up. */
  async start(ports: Record<string, number>, shared: boolean): Promise<void> {
    for (const listener of this.listeners) await listener.open(ports, shared)
    for (const link of this.links.values()) link.start()
    this.#timers.push(setInterval(() => this.#sweep(), SWEEP_MS))
    this.#timers.push(setInterval(() => this.#report(), SAMPLE_MS))
    const bound = Object.assign({}, ...this.listeners.map((listener) => listener.ports()))
    this.#channel.send({ type: 'listening', ports: bound })
    this.#report()
  }

  onMessage(message: Down): void {
    if (message.type === 'topics') this.topics.apply(message.cluster, message.changes)
    else if (message.type === 'pin') this.links.get(message.cluster)?.pin(message.clusterId)
    else if (message.type === 'others') this.#others = message
    else if (message.type === 'drain') void this.drain(message.timeoutMs)
    else if (message.type === 'stop') this.stop()
  }

  /** The cluster that a topic is routed to; undefined where clients must not write. */
  linkFor(topic: string): ClusterLink | undefined {
    const cluster = this.topics.routes.find(topic)
    if (cluster === null || this.topics.known(topic)?.errorCode) return undefined
    return this.links.get(cluster)
  }

  /** Connections by client address, for the siblings; empty where no limit needs it. */
  get addresses(): Record<string, number> {
    return this.limits.maxConnectionsPerAddress > 0 ? Object.fromEntries(this.#byAddress) : {}
  }

  #onSocket(socket: Socket, listenerName: string): void {
    const listener = this.listeners.find(({ config }) => config.name === listenerName)!
    this.counters.connections++
    socket.setKeepAlive(true, this.limits.keepAlive)
    const proxied = listener.config.proxyProtocol === 'required'
    const connection = new ClientConnection(this, this.#nextId++, socket, listener.virtual, proxied)
    this.connections.add(connection)
    if (this.connections.size + this.#others.connections > this.limits.maxConnections)
      return connection.close('too_many_connections')
    const unreported = this.connections.size - this.#reportedConnections
    if (unreported > this.limits.maxConnections * UNREPORTED_SHARE) this.#report()
    if (!proxied) this.onAddressKnown(connection)
  }

  /** Counts the connection for its address, which a PROXY header may tell later than the socket. */
  onAddressKnown(connection: ClientConnection): void {
    const { address } = connection
    const count = (this.#byAddress.get(address) ?? 0) + 1
    this.#byAddress.set(address, count)
    connection.counted = true
    const limit = this.limits.maxConnectionsPerAddress
    if (limit > 0 && count + (this.#others.addresses[address] ?? 0) > limit)
      connection.close('too_many_from_address', `${count} from ${address}`)
  }

  onClosed(connection: ClientConnection, reason: CloseReason): void {
    this.connections.delete(connection)
    for (const { cap } of this.links.values()) cap.forget(connection)
    this.counters.closedFor(reason)
    if (!connection.counted) return
    const left = (this.#byAddress.get(connection.address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(connection.address, left)
    else this.#byAddress.delete(connection.address)
  }

  #sweep(): void {
    const now = performance.now()
    for (const connection of this.connections) connection.sweep(now)
  }

  #report(): void {
    this.#reportedConnections = this.connections.size
    this.#channel.send({ type: 'sample', sample: sampleOf(this) })
  }

  async drain(timeoutMs: number): Promise<void> {
    for (const listener of this.listeners) listener.close()
    await drainConnections(this, timeoutMs)
    this.#report()
    this.#channel.send({ type: 'drained' })
  }

  /** Ends everything at once. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    for (const listener of this.listeners) listener.close()
    for (const connection of [...this.connections]) connection.close('stopped')
    for (const link of this.links.values()) link.stop()
  }
}

export interface Served {
  /** The control process is gone: drains by itself and resolves when nothing is left. */
  endAlone(): Promise<void>
}

/**
 * Starts a worker when the control process says so.
 *
 * @param log null: the worker makes its own from the config
 * @param forked a process of its own, which shares its ports with others and ends on `stop`
 */
export function serveChannel(channel: Channel<Up, Down>, log: Log | null, forked: boolean): Served {
  let worker: Worker | null = null
  let drainMs = 0
  let ports: Record<string, number> = {}
  channel.onMessage = (message) => {
    if (message.type === 'start') {
      const { config } = message
      ports = message.ports
      drainMs = config.drain.timeout
      worker = new Worker(message, channel, log ?? createLog({ ...config.log, node: config.node.id }))
    } else if (message.type === 'listen') {
      worker!.start(ports, forked).catch((error: Error) => {
        worker!.stop()
        channel.send({ type: 'failed', reason: error.message })
      })
    } else {
      worker?.onMessage(message)
      if (message.type === 'stop' && forked) process.exit(0)
    }
  }
  return { endAlone: async () => worker?.drain(drainMs) }
}
