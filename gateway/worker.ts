import type { Socket } from 'node:net'
import { Admission } from '#batcher/admission.ts'
import type { Amounts } from '#fleet/amounts.ts'
import { ClientTable } from '#gateway/client-table.ts'
import type { CloseReason } from '#gateway/close-reasons.ts'
import { ClusterLink } from '#gateway/cluster-link.ts'
import type { ClusterConfig, Config } from '#gateway/config-schema.ts'
import { ClientConnection } from '#gateway/connection.ts'
import type { Channel, Down, Others, Start, Up } from '#gateway/control-channel.ts'
import { ClientCounters } from '#gateway/counters.ts'
import { Listener } from '#gateway/listener.ts'
import { LoopDelay } from '#gateway/loop-delay.ts'
import { MetadataBlobs } from '#gateway/metadata-answer.ts'
import { Rest } from '#gateway/rest.ts'
import { RouteTable } from '#gateway/route.ts'
import { drainConnections } from '#gateway/shutdown.ts'
import { Slabs } from '#gateway/slabs.ts'
import { type TopicChanges, Topics } from '#gateway/topics.ts'
import { TurnEnd } from '#gateway/turn-end.ts'
import { PreparedReload } from '#gateway/worker-reload.ts'
import { sampleOf } from '#gateway/worker-sample.ts'
import { createLog, type Log } from '#telemetry/log.ts'
import type { Cluster } from '#upstream/cluster.ts'

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
  limits: Config['limits']
  readonly clusterId: string
  readonly zone: string | null
  readonly topics: Topics
  readonly blobs = new MetadataBlobs()
  readonly admission: Admission
  readonly counters = new ClientCounters()
  readonly clients = new ClientTable()
  readonly turnEnd = new TurnEnd()
  readonly slabs = new Slabs()
  readonly links = new Map<string, ClusterLink>()
  /** Of clusters that a reload has removed, until their last batch is answered. */
  readonly leaving = new Set<ClusterLink>()
  readonly connections = new Set<ClientConnection>()
  readonly listeners: Listener[]
  config: Config
  readonly #channel: Channel<Up, Down>
  readonly #workers: number
  readonly #clusters = new Map<string, Cluster>()
  readonly #byAddress = new Map<string, number>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #loop = new LoopDelay()
  /** Client connections of the node's other workers. */
  #others: Others = { connections: 0, addresses: {} }
  #reportedConnections = 0
  #nextId = 0
  #shared = false
  #rest: Rest | null = null
  #prepared: PreparedReload | null = null
  /** Gives up the drain under way. */
  #draining: AbortController | null = null

  /** @param start what the control process said; `workers` share the node's limits */
  constructor({ config, workers, grants }: Start, channel: Channel<Up, Down>, log: Log) {
    this.log = log
    this.config = config
    this.limits = config.limits
    this.clusterId = config.clusterId
    this.zone = config.node.zone ?? null
    this.#workers = workers
    this.admission = new Admission(config.limits.memory / workers, this.permitsOf(config))
    this.#channel = channel
    for (const cluster of config.clusters) this.addLink(this.makeLink(cluster, grants[cluster.name]!))
    this.topics = new Topics(
      new RouteTable(config.routes),
      this.#clusters,
      this.asksOf(config),
      (cluster, topic, entry) => channel.send({ type: 'learned', cluster, topic, entry }),
    )
    this.shareMemory()
    this.listeners = config.listeners.map(
      (listener) => new Listener(listener, config, (socket) => this.#onSocket(socket, listener.name)),
    )
  }

  /** This worker's part of limits.largeFrames. */
  permitsOf({ limits }: Config): number {
    return Math.max(1, Math.floor(limits.largeFrames / this.#workers))
  }

  /** This worker's part of limits.unknownTopicsPerSecond. */
  asksOf({ limits }: Config): number {
    return Math.ceil(limits.unknownTopicsPerSecond / this.#workers)
  }

  makeLink(cluster: ClusterConfig, grant: Amounts): ClusterLink {
    const met = (clusterId: string) => this.#channel.send({ type: 'met', cluster: cluster.name, clusterId })
    const onLinger = () => this.#rest?.soon()
    return new ClusterLink(cluster, { grant, memory: 0, log: this.log, onLinger, met })
  }

  addLink(link: ClusterLink): void {
    this.links.set(link.name, link)
    this.#clusters.set(link.name, link.cluster)
  }

  /** What the cluster has admitted is answered; nothing new gets there. */
  removeLink(link: ClusterLink): void {
    this.links.delete(link.name)
    this.#clusters.delete(link.name)
    this.topics.forget(link.name)
    this.leaving.add(link)
    link.retire(() => this.leaving.delete(link))
  }

  /** The limits as they are now, and their division among the clusters. */
  shareMemory(): void {
    const { memory } = this.limits
    this.admission.resize(memory / this.#workers, this.permitsOf(this.config))
    const share = this.admission.budget * (this.links.size > 1 ? CLUSTER_SHARE : 1)
    for (const { cap } of this.links.values()) cap.cap = share
  }

  /** Binds the ports and connects to the clusters; a cluster that cannot be reached holds nothing up. */
  async start(ports: Record<string, number>, shared: boolean): Promise<void> {
    this.#shared = shared
    // Whoever shares this process with a worker must not be put to sleep.
    if (shared) this.#rest = new Rest(() => this.allLinks())
    for (const listener of this.listeners) await listener.open(ports, shared)
    for (const link of this.links.values()) link.start()
    this.#timers.push(setInterval(() => this.#sweep(), SWEEP_MS))
    this.#timers.push(setInterval(() => this.#report(), SAMPLE_MS))
    this.#channel.send({ type: 'listening', ports: this.#ports() })
    this.#report()
  }

  #ports(): Record<string, number> {
    return Object.assign({}, ...this.listeners.map((listener) => listener.ports()))
  }

  onMessage(message: Down): void {
    if (message.type === 'topics') this.topics.apply(message.cluster, message.changes)
    else if (message.type === 'pin') this.#linkOf(message.cluster)?.pin(message.clusterId)
    else if (message.type === 'others') this.#others = message
    else if (message.type === 'nodes')
      for (const { virtual } of this.listeners) virtual.onNodes(message.nodes)
    else if (message.type === 'watch') this.clients.watched = new Set(message.clients)
    else if (message.type === 'grant') this.#linkOf(message.cluster)?.grant(message.grant)
    else if (message.type === 'prepare') void this.#reply(message.id, this.#prepare(message))
    else if (message.type === 'commit') void this.#reply(message.id, this.#commit(message.topics))
    else if (message.type === 'abort') this.#abort()
    else if (message.type === 'drain') void this.drain(message.timeoutMs)
    else if (message.type === 'undrain') void this.#reply(message.id, this.#undrain())
    else if (message.type === 'stop') this.stop()
  }

  /** One in use, or one that a reload under way has prepared. */
  #linkOf(cluster: string): ClusterLink | undefined {
    return this.links.get(cluster) ?? this.#prepared?.links.get(cluster)
  }

  /** @param done resolves with the ports that are bound, or will be */
  async #reply(id: number, done: Promise<Record<string, number>>): Promise<void> {
    try {
      this.#channel.send({ type: 'done', id, ports: await done })
    } catch (error) {
      this.#channel.send({ type: 'refused', id, reason: (error as Error).message })
    }
  }

  async #prepare(start: Start): Promise<Record<string, number>> {
    this.#abort()
    if (this.#draining) throw new Error('the worker drains')
    const prepared = new PreparedReload(this, start)
    this.#prepared = prepared
    try {
      const ports = await prepared.bind()
      if (this.#prepared === prepared) return ports
      throw new Error('the reload was given up')
    } catch (error) {
      prepared.abort()
      if (this.#prepared === prepared) this.#prepared = null
      throw error
    }
  }

  async #commit(topics: Record<string, TopicChanges>): Promise<Record<string, number>> {
    if (!this.#prepared) throw new Error('nothing was prepared')
    this.#prepared.commit(topics)
    this.#prepared = null
    return this.#ports()
  }

  #abort(): void {
    this.#prepared?.abort()
    this.#prepared = null
  }

  /** The cluster that a topic is routed to; undefined where clients must not write. */
  linkFor(topic: string): ClusterLink | undefined {
    const cluster = this.topics.clusterOf(topic)
    return cluster === null ? undefined : this.links.get(cluster)
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
    for (const { cap } of this.allLinks()) cap.forget(connection)
    this.counters.closedFor(reason)
    if (!connection.counted) return
    const left = (this.#byAddress.get(connection.address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(connection.address, left)
    else this.#byAddress.delete(connection.address)
  }

  #sweep(): void {
    const now = performance.now()
    this.slabs.sweep(now)
    for (const connection of this.connections) if (connection.lookAt <= now) connection.sweep(now)
  }

  #report(): void {
    this.#reportedConnections = this.connections.size
    this.#channel.send({ type: 'sample', sample: sampleOf(this, this.#loop) })
  }

  /** The clusters in use, and those whose last batches are on their way. */
  *allLinks(): Generator<ClusterLink> {
    yield* this.links.values()
    yield* this.leaving
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#draining?.abort()
    const draining = new AbortController()
    this.#draining = draining
    this.#abort()
    for (const listener of this.listeners) listener.close()
    await drainConnections(this, timeoutMs, draining.signal)
    if (draining.signal.aborted) return
    this.#report()
    this.#channel.send({ type: 'drained' })
  }

  /** Connections that have begun to drain go on with it; their clients come back. */
  async #undrain(): Promise<Record<string, number>> {
    this.#draining?.abort()
    this.#draining = null
    try {
      for (const listener of this.listeners) await listener.open({}, this.#shared)
    } catch (error) {
      for (const listener of this.listeners) listener.close()
      throw error
    }
    return this.#ports()
  }

  /** Ends everything at once. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#loop.stop()
    this.#draining?.abort()
    this.#abort()
    for (const listener of this.listeners) listener.close()
    for (const connection of [...this.connections]) connection.close('stopped')
    for (const link of this.allLinks()) link.stop()
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
  let ports: Record<string, number> = {}
  channel.onMessage = (message) => {
    if (message.type === 'start') {
      const { config } = message
      ports = message.ports
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
  return { endAlone: async () => worker?.drain(worker.config.drain.timeout) }
}
