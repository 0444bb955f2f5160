import { createServer, type Server, type Socket } from 'node:net'
import type { Address, ClusterConfig, Config, ListenerConfig } from '#gateway/config-schema.ts'
import { slotOf, VirtualCluster } from '#gateway/virtual-brokers.ts'

/** Connections that may wait to be accepted: storms of thousands must not be refused by the kernel. */
const BACKLOG = 4096

/** One port that clients connect to. All ports of a listener serve everything. */
interface Door {
  /** Name of the cluster whose virtual broker lives here; null for the bootstrap port. */
  cluster: string | null
  bind: Address
  server: Server
}

/** A listener of the config: its bootstrap port and a port for each cluster. */
export class Listener {
  readonly config: ListenerConfig
  readonly #clusters: readonly ClusterConfig[]
  readonly #nodeId: string
  readonly #doors: Door[] = []
  readonly #onSocket: (socket: Socket) => void
  /** Accepted at the first ports while the others are being bound. */
  readonly #early: Socket[] = []
  #ready = false
  /** What its clients are shown; known once the ports are bound. */
  virtual!: VirtualCluster

  constructor(
    config: ListenerConfig,
    { clusters, node }: Pick<Config, 'clusters' | 'node'>,
    onSocket: (socket: Socket) => void,
  ) {
    this.#nodeId = node.id
    this.#onSocket = onSocket
    this.config = config
    this.#clusters = clusters
    const wanted = new Map<number, string | null>([[0, null]])
    if (config.advertised.perCluster) {
      for (const { name, portOffset } of clusters) if (portOffset > 0) wanted.set(portOffset, name)
    }
    for (const [offset, cluster] of wanted) {
      const { host, port } = config.bind
      // allowHalfOpen: a client that has only finished sending still gets its answers.
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
      this.#doors.push({ cluster, bind: { host, port: port === 0 ? 0 : port + offset }, server })
    }
  }

  /**
   * @param ports those that another worker has bound, by name
   * @param shared whether other processes bind the same ports (SO_REUSEPORT)
   * @throws Error that names the address, when a port cannot be bound
   */
  async open(ports: Record<string, number>, shared: boolean): Promise<void> {
    for (const door of this.#doors) {
      const port = ports[this.#nameOf(door)] ?? door.bind.port
      await listen(door.server, { host: door.bind.host, port }, shared, this.config.name)
    }
    this.virtual = this.#virtualCluster()
    this.#ready = true
    for (const socket of this.#early.splice(0)) if (!socket.destroyed) this.#onSocket(socket)
  }

  #accept(socket: Socket): void {
    if (this.#ready) return this.#onSocket(socket)
    socket.on('error', () => {})
    this.#early.push(socket)
  }

  #nameOf({ cluster }: Door): string {
    return cluster ? `${this.config.name}/${cluster}` : this.config.name
  }

  /** Port by what it is: `public` for the bootstrap port, `public/eu` for the one of cluster eu. */
  ports(): Record<string, number> {
    const { name } = this.config
    const entries = this.#doors.map(({ cluster, server }) => [
      cluster ? `${name}/${cluster}` : name,
      portOf(server),
    ])
    return Object.fromEntries(entries)
  }

  #virtualCluster(): VirtualCluster {
    const { mode, port, perCluster } = this.config.advertised
    const slot = mode === 'per_node' ? slotOf(this.#nodeId) : 0
    const host = this.config.advertised.host.replaceAll('{node}', this.#nodeId)
    const bootstrap = this.#doors.find(({ cluster }) => cluster === null)!
    const basePort = port === 0 ? portOf(bootstrap.server) : port
    if (!perCluster) return new VirtualCluster(slot, host, this.#clusters, basePort)
    const ports = new Map<string, number>()
    for (const { name, portOffset } of this.#clusters) {
      const door = this.#doors.find(({ cluster }) => cluster === name) ?? bootstrap
      ports.set(name, port === 0 ? portOf(door.server) : port + portOffset)
    }
    return new VirtualCluster(slot, host, this.#clusters, ports)
  }

  /** Accepts no more; what is connected stays. */
  close(): void {
    for (const { server } of this.#doors) server.close()
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
