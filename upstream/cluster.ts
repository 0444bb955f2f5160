import { apis } from '#protocol/apis.ts'
import { type MetadataResponse, metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import type { Log } from '#telemetry/log.ts'
import { pause, reconnectMs } from '#upstream/backoff.ts'
import { UpstreamConnection } from '#upstream/connection.ts'

export interface Address {
  host: string
  port: number
}

export interface ClusterOptions {
  name: string
  bootstrapServers: readonly Address[]
  clientId: string
  autoCreateTopics: boolean
  log: Log
  /** Who leads the partitions of a topic: broker id per index, -1 for none. */
  onLeaders(topic: string, errorCode: number, leaders: readonly number[]): void
  /** The cluster can be reached, or not any more. */
  onStateChange(): void
}

export type ClusterState = 'connecting' | 'up' | 'degraded' | 'down'

const CONNECT_TIMEOUT_MS = 5000
const METADATA_TIMEOUT_MS = 5000
/** Metadata requests begin at least so far apart. */
const ASK_SPACING_MS = 50
const HEARTBEAT_MS = 1000
/** No broker accepted a connection or answered for so long: the cluster is down (DESIGN §4.11). */
const DOWN_AFTER_MS = 3000

/**
 * What a worker knows of one cluster: its brokers' addresses, who leads which partition, and whether anybody
 * can be reached. It keeps one connection for questions, to any broker that answers.
 */
export class Cluster {
  readonly options: ClusterOptions
  readonly brokers = new Map<number, Address>()
  state: ClusterState = 'connecting'
  /** In words; empty while all is well. */
  reason = ''
  /** The id of the cluster's first answer; a broker of another cluster is refused from then on. */
  clusterId: string | null = null
  connects = 0
  #control: UpstreamConnection | null = null
  #lastAliveAt = performance.now()
  #closed = false
  readonly #asked = new Set<string>()
  readonly #leaders = new Map<string, readonly number[]>()
  #asking = false

  constructor(options: ClusterOptions) {
    this.options = options
  }

  start(): void {
    void this.#keepConnected()
    void this.#watch()
  }

  close(): void {
    this.#closed = true
    this.#control?.close()
  }

  /** Some broker of the cluster accepted a connection or answered. */
  noteAlive(): void {
    this.#lastAliveAt = performance.now()
    if (this.state === 'down' || this.state === 'connecting') this.#move('up', '')
  }

  /** Opens a connection and makes sure that it leads to this cluster. The caller closes it. */
  async open(address: Address, onClosed?: (error: Error) => void): Promise<UpstreamConnection> {
    this.connects++
    const connection = new UpstreamConnection({
      ...address,
      clientId: this.options.clientId,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: METADATA_TIMEOUT_MS,
      onClosed,
    })
    await connection.open()
    const answer = await this.#metadata(connection, [], false)
    this.#checkClusterId(connection, answer)
    connection.onAlive = () => this.noteAlive()
    this.noteAlive()
    return connection
  }

  /** Asks who leads the topic's partitions; many questions become one request. */
  askLeaders(topic: string): void {
    this.#asked.add(topic)
    if (!this.#asking && this.#control) void this.#answerAsked()
  }

  /** A broker cannot be reached: its partitions may have other leaders by now. */
  noteTrouble(brokerId: number): void {
    for (const [topic, leaders] of this.#leaders) if (leaders.includes(brokerId)) this.askLeaders(topic)
  }

  /**
   * Asks the cluster about topics.
   *
   * @param topics null for all
   * @throws when the cluster cannot be asked
   */
  async describe(topics: readonly string[] | null, mayCreate = false): Promise<MetadataResponse> {
    const connection = this.#control
    if (!connection) throw new Error(`cluster ${this.options.name} cannot be reached: ${this.reason}`)
    const answer = await this.#metadata(connection, topics, mayCreate && this.options.autoCreateTopics)
    this.#checkClusterId(connection, answer)
    this.#learnBrokers(answer)
    return answer
  }

  #metadata(
    connection: UpstreamConnection,
    topics: readonly string[] | null,
    allowAutoTopicCreation: boolean,
  ): Promise<MetadataResponse> {
    return connection.call(apis.metadata, metadataRequest, metadataResponse, {
      topics: topics?.map((name) => ({ name })) ?? null,
      allowAutoTopicCreation,
    })
  }

  async #answerAsked(): Promise<void> {
    this.#asking = true
    try {
      while (this.#asked.size > 0 && this.#control) {
        const topics = [...this.#asked]
        this.#asked.clear()
        try {
          for (const topic of (await this.describe(topics)).topics) this.#learnLeaders(topic)
        } catch (error) {
          for (const topic of topics) this.#asked.add(topic)
          this.options.log.debug({ cluster: this.options.name, error: String(error) }, 'leaders not learned')
        }
        await pause(ASK_SPACING_MS)
      }
    } finally {
      this.#asking = false
    }
  }

  #learnLeaders({ name, errorCode, partitions }: MetadataResponse['topics'][number]): void {
    if (name === null) return
    const leaders: number[] = []
    for (const partition of partitions) leaders[partition.partitionIndex] = partition.leaderId
    for (let i = 0; i < leaders.length; i++) leaders[i] ??= -1
    if (errorCode === 0) this.#leaders.set(name, leaders)
    else this.#leaders.delete(name)
    this.options.onLeaders(name, errorCode, leaders)
  }

  #learnBrokers(answer: MetadataResponse): void {
    for (const { nodeId, host, port } of answer.brokers) this.brokers.set(nodeId, { host, port })
  }

  #checkClusterId(connection: UpstreamConnection, answer: MetadataResponse): void {
    if (answer.clusterId === null) return
    this.clusterId ??= answer.clusterId
    if (answer.clusterId === this.clusterId) return
    const reason = `${connection.address} belongs to cluster ${answer.clusterId}, not to ${this.clusterId}`
    if (this.state !== 'down') this.#move('degraded', reason)
    const error = new Error(reason)
    connection.close(error)
    throw error
  }

  /** Keeps the connection for questions, trying the bootstrap servers and every broker known. */
  async #keepConnected(): Promise<void> {
    for (let failures = 0; !this.#closed; ) {
      const lost = await this.#connectOnce(failures)
      failures = lost ? 0 : failures + 1
      if (!this.#closed) await pause(reconnectMs(failures))
    }
  }

  /** @returns true when it was connected and the connection is lost again */
  async #connectOnce(failures: number): Promise<boolean> {
    const candidates = this.#addresses()
    const address = candidates[failures % candidates.length]!
    let lost: () => void = () => {}
    const over = new Promise<void>((resolve) => (lost = resolve))
    try {
      const connection = await this.open(address, () => lost())
      this.#control = connection
      this.#learnBrokers(await this.#metadata(connection, [], false))
      if (this.#closed) connection.close()
      if (this.#asked.size > 0 && !this.#asking) void this.#answerAsked()
      void this.#heartbeat(connection)
      await over
      this.#control = null
      return true
    } catch (error) {
      this.#control = null
      if (this.state === 'connecting' || this.state === 'down') this.reason = (error as Error).message
      return false
    }
  }

  #addresses(): Address[] {
    const seen = new Map<string, Address>()
    for (const address of [...this.options.bootstrapServers, ...this.brokers.values()]) {
      seen.set(`${address.host}:${address.port}`, address)
    }
    return [...seen.values()]
  }

  /** A cheap question each second tells a silent cluster from a dead one. */
  async #heartbeat(connection: UpstreamConnection): Promise<void> {
    while (connection.state === 'ready') {
      await pause(HEARTBEAT_MS)
      try {
        if (connection.state === 'ready') await this.#metadata(connection, [], false)
      } catch {
        return
      }
    }
  }

  async #watch(): Promise<void> {
    while (!this.#closed) {
      await pause(DOWN_AFTER_MS / 12)
      const silence = performance.now() - this.#lastAliveAt
      if (silence > DOWN_AFTER_MS && this.state !== 'down') {
        this.#move('down', this.reason || `no broker has answered for ${Math.round(silence)} ms`)
      }
    }
  }

  #move(state: ClusterState, reason: string): void {
    const { name, log } = this.options
    this.state = state
    this.reason = reason
    if (state === 'up') log.info({ cluster: name, clusterId: this.clusterId }, 'cluster is up')
    else log.warn({ cluster: name, reason }, `cluster is ${state}`)
    this.options.onStateChange()
  }
}
