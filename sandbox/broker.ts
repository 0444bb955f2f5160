import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Cluster } from '#sandbox/cluster.ts'
import { Connection } from '#sandbox/connection.ts'

/** What a broker has seen since it was made; restarts do not reset it. */
export interface BrokerCounters {
  /** Requests by the name of their API. */
  requests: Record<string, number>
  produceRequests: number
  /** Partition entries of Produce requests. */
  batches: number
  connections: number
}

/**
 * Ports below the range from which the kernel takes the source ports of outgoing connections: one of those
 * could take the port of a broker that is down for a moment.
 */
const FIRST_PORT = 15_000
const LAST_PORT = 32_000
const ATTEMPTS = 100
const BACKLOG = 4096

export class Broker {
  readonly cluster: Cluster
  readonly id: number
  readonly host: string
  readonly counters: BrokerCounters = { requests: {}, produceRequests: 0, batches: 0, connections: 0 }
  isRunning = false
  isStalled = false
  /** The cluster has noticed that it is gone. */
  isFenced = false
  #port: number
  #server: Server | null = null
  readonly #connections = new Set<Connection>()

  /** @param port 0 to have one chosen when it first starts, and kept */
  constructor(cluster: Cluster, id: number, host: string, port: number) {
    this.cluster = cluster
    this.id = id
    this.host = host
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size
  }

  async start(): Promise<void> {
    this.#server = await listen(this.host, this.#port, (socket) => this.#accept(socket))
    this.#port = (this.#server.address() as AddressInfo).port
    this.isRunning = true
  }

  /**
   * As by kill −9: resets every connection and stops listening. What is stored stays, Metadata goes on naming
   * it until it is fenced, and acks=all does not wait for it (slowPartition makes it wait).
   */
  async kill(): Promise<void> {
    if (!this.#server) return
    const server = this.#server
    this.#server = null
    this.isRunning = false
    this.isStalled = false
    const closed = new Promise((resolve) => server.close(resolve))
    for (const connection of this.#connections) connection.reset()
    await closed
  }

  /**
   * Kills it if it runs, and starts it on the same port with its logs. Of each producer it remembers only the
   * last batch (broker-facts.md §1). Partitions that were left without a leader get it back.
   */
  async restart(): Promise<void> {
    await this.kill()
    this.cluster.brokerRestarted(this)
    await this.start()
  }

  /** As by SIGSTOP: connections can be made and stay open, nothing is read or answered. */
  stall(): void {
    this.isStalled = true
    for (const connection of this.#connections) connection.stall()
  }

  unstall(): void {
    this.isStalled = false
    for (const connection of this.#connections) connection.unstall()
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection)
  }

  count(api: string): void {
    const { requests } = this.counters
    requests[api] = (requests[api] ?? 0) + 1
  }

  #accept(socket: Socket): void {
    this.counters.connections++
    this.#connections.add(new Connection(this, socket))
  }
}

async function listen(host: string, port: number, accept: (socket: Socket) => void): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const chosen = port || FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    const server = createServer(accept)
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port: chosen, backlog: BACKLOG }, resolve)
      })
      return server
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (port !== 0 || !taken || attempt === ATTEMPTS) throw error
    }
  }
}
