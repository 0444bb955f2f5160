import { createServer, type Server, type Socket } from 'node:net'
import type { Address, ClusterConfig, Config, ListenerConfig } from '#gateway/config-schema.ts'
import type { Advertised } from '#gateway/live-nodes.ts'
import { VirtualCluster } from '#gateway/virtual-brokers.ts'

/** Connections that may wait to be accepted: storms of thousands must not be refused by the kernel. */
const BACKLOG = 4096

/** One port that clients connect to. All ports of a listener serve everything. */
interface Door {
  /** Port 0 until it is bound for the first time. */
  bind: Address
  server: Server | null
  /** Runs when its cluster is gone: until then clients that do not know it yet find it open. */
  closing: NodeJS.Timeout | null
}

/** A listener of the config: its bootstrap port and a port for each cluster. */
export class Listener {
  readonly config: ListenerConfig
  /** What its clients are shown; nothing until the ports are bound. */
  readonly virtual: VirtualCluster
  readonly #nodeId: string
  #clusters: readonly ClusterConfig[]
  /** By offset from the bootstrap port. */
  readonly #doors = new Map<number, Door>()
  readonly #onSocket: (socket: Socket) => void
  #shared = false
  /** Accepted at the first ports while the others are being bound. */
  readonly #early: Socket[] = []
  #ready = false

  constructor(
    config: ListenerConfig,
    { clusters, node }: Pick<Config, 'clusters' | 'node'>,
    onSocket: (socket: Socket) => void,
  ) {
    this.#onSocket = onSocket
    this.config = config
    this.#nodeId = node.id
    this.virtual = new VirtualCluster(config, node.id)
    this.#clusters = clusters
    for (const offset of this.#wanted(clusters).keys()) this.#doors.set(offset, this.#door(offset))
  }

  /** The name of each port by its offset: `public` for the bootstrap port, `public/eu` for cluster eu. */
  #wanted(clusters: readonly ClusterConfig[]): Map<number, string> {
    const { name, advertised } = this.config
    const wanted = new Map([[0, name]])
    if (!advertised.perCluster) return wanted
    for (const cluster of clusters) {
      if (cluster.portOffset > 0) wanted.set(cluster.portOffset, `${name}/${cluster.name}`)
    }
    return wanted
  }

  #door(offset: number): Door {
    const { host, port } = this.config.bind
    return { bind: { host, port: port === 0 ? 0 : port + offset }, server: null, closing: null }
  }

  /**
   * Binds every port that is not bound; also again after `close`.
   *
   * @param ports those that another worker has bound, by name
   * @param shared whether other processes bind the same ports (SO_REUSEPORT)
   * @throws Error that names the address, when a port cannot be bound; then none is bound
   */
  async open(ports: Record<string, number>, shared: boolean): Promise<void> {
    this.#shared = shared
    try {
      for (const [offset, name] of this.#wanted(this.#clusters)) {
        await this.#open(this.#doors.get(offset)!, ports[name])
      }
    } catch (error) {
      this.close()
      throw error
    }
    this.#look()
    this.#ready = true
    for (const socket of this.#early.splice(0)) if (!socket.destroyed) this.#onSocket(socket)
  }

  async #open(door: Door, known = 0): Promise<void> {
    if (door.server) return
    const { host, port } = door.bind
    const bind = { host, port: port || known }
    // allowHalfOpen: a client that has only finished sending still gets its answers.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    await listen(server, bind, this.#shared, this.config.name)
    door.server = server
    door.bind = { host, port: portOf(server) }
  }

  /**
   * Binds the ports of clusters that will be new after a reload. Nothing of what clients see changes before
   * `commit`.
   *
   * @returns all ports that will be bound then, by name
   * @throws Error that names the address, when a port cannot be bound; then nothing has changed
   */
  async prepare(
    clusters: readonly ClusterConfig[],
    ports: Record<string, number>,
  ): Promise<Record<string, number>> {
    try {
      for (const [offset, name] of this.#wanted(clusters)) {
        if (this.#doors.has(offset)) continue
        const door = this.#door(offset)
        this.#doors.set(offset, door)
        await this.#open(door, ports[name])
      }
    } catch (error) {
      this.abort()
      throw error
    }
    return this.ports(clusters)
  }

  /** The reload does not come: what `prepare` has bound is closed. */
  abort(): void {
    const wanted = this.#wanted(this.#clusters)
    for (const [offset, door] of this.#doors) {
      if (!wanted.has(offset) && !door.closing) this.#remove(offset, door)
    }
  }

  /**
   * The clusters of a reload hold from now on.
   *
   * @param lingerMs how long the port of a removed cluster stays open
   */
  commit(clusters: readonly ClusterConfig[], lingerMs: number): void {
    this.#clusters = clusters
    const wanted = this.#wanted(clusters)
    for (const [offset, door] of this.#doors) {
      if (wanted.has(offset)) {
        if (door.closing) clearTimeout(door.closing)
        door.closing = null
      } else door.closing ??= setTimeout(() => this.#remove(offset, door), lingerMs).unref()
    }
    this.#look()
  }

  #remove(offset: number, door: Door): void {
    if (door.closing) clearTimeout(door.closing)
    door.server?.close()
    this.#doors.delete(offset)
  }

  #accept(socket: Socket): void {
    if (this.#ready) return this.#onSocket(socket)
    socket.on('error', () => {})
    this.#early.push(socket)
  }

  /** Port by what it is: `public` for the bootstrap port, `public/eu` for the one of cluster eu. */
  ports(clusters = this.#clusters): Record<string, number> {
    const ports: Record<string, number> = {}
    for (const [offset, name] of this.#wanted(clusters)) ports[name] = this.#doors.get(offset)!.bind.port
    return ports
  }

  #look(): void {
    const own = advertisedBy(this.config, this.ports(), this.#clusters, this.#nodeId)
    this.virtual.show(own, this.#clusters)
  }

  /** Accepts no more; what is connected stays. */
  close(): void {
    for (const [offset, door] of this.#doors) {
      if (door.closing) this.#remove(offset, door)
      door.server?.close()
      door.server = null
    }
  }
}

/**
 * What clients are told of a listener.
 *
 * @param ports that are bound, by name
 */
export function advertisedBy(
  { name, advertised }: ListenerConfig,
  ports: Record<string, number>,
  clusters: readonly ClusterConfig[],
  nodeId: string,
): Advertised {
  const { port, perCluster } = advertised
  const bootstrap = port || ports[name]!
  const portOf = (cluster: ClusterConfig) => {
    if (!perCluster || cluster.portOffset === 0) return bootstrap
    return port ? port + cluster.portOffset : ports[`${name}/${cluster.name}`]!
  }
  return {
    host: advertised.host.replaceAll('{node}', nodeId),
    port: bootstrap,
    clusters: Object.fromEntries(clusters.map((cluster) => [cluster.name, portOf(cluster)])),
  }
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port
}

function listen(server: Server, bind: Address, shared: boolean, listener: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? `port ${bind.port} is in use` : error.message
      reject(new Error(`listeners: ${listener} cannot bind ${bind.host}:${bind.port}: ${why}`))
    }
    server.once('error', failed)
    server.listen({ ...bind, backlog: BACKLOG, reusePort: shared }, () => {
      server.off('error', failed)
      server.on('error', () => {})
      resolve()
    })
  })
}
