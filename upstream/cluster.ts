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
  /** The first answer has told its id. */
  onMet(clusterId: string): void
}

export type ClusterState = 'connecting' | 'up' | 'degraded' | 'down'

const CONNECT_TIMEOUT_MS = 5000
/** Shorter than the time that makes a cluster down: a frozen broker must be left before. */
const METADATA_TIMEOUT_MS = 2500
/** The connection for questions goes on to the next broker sooner: two frozen ones must not hide a third. */
const CONTROL_CONNECT_TIMEOUT_MS = 1000
/** A broker that is silent for so long is asked no more; another one is, before the cluster counts as down. */
const HEARTBEAT_TIMEOUT_MS = 1000
/** Topics in one question; after a failure fewer, until the one that cannot be asked stands alone. */
const TOPICS_PER_QUESTION = 200
/** So often a topic may fail alone before those who wait for it are told 5. */
const TOPIC_FAILURES = 3
const LEADER_NOT_AVAILABLE = 5
/** A broker of another cluster was met; for so long the cluster counts as degraded. */
const DEGRADED_MS = 60_000
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
  /** Topics to ask about, with how often their question failed. */
  readonly #asked = new Map<string, number>()
  #topicsPerQuestion = TOPICS_PER_QUESTION
  /** Which address is tried next: never the one just lost, while there is another. */
  #nextAddress = 0
  #degradedAt = 0
  readonly #leaders = new Map<string, readonly number[]>()
  #asking = false

  constructor(options: ClusterOptions) {
    this.options = options
  }

  start(): void {
    void this.#keepConnected()
    void this.#watch()
  }

  /**
   * The id that the node's first worker has met decides for all.
   *
   * @returns whether this one had met another cluster: its connections lead to the wrong one
   */
  pin(clusterId: string): boolean {
    const wrong = this.clusterId !== null && this.clusterId !== clusterId
    this.clusterId = clusterId
    if (wrong) this.#control?.close(new Error(`another worker has met cluster ${clusterId}`))
    return wrong
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
  async open(
    address: Address,
    onClosed?: (error: Error) => void,
    connectTimeoutMs = CONNECT_TIMEOUT_MS,
  ): Promise<UpstreamConnection> {
    this.connects++
    const connection = new UpstreamConnection({
      ...address,
      clientId: this.options.clientId,
      connectTimeoutMs,
      requestTimeoutMs: METADATA_TIMEOUT_MS,
      onClosed,
    })
    await connection.open()
    try {
      this.#checkClusterId(connection, await this.#metadata(connection, [], false))
    } catch (error) {
      connection.close(error as Error)
      throw error
    }
    connection.onAlive = () => this.noteAlive()
    this.noteAlive()
    return connection
  }

  /** Asks who leads the topic's partitions; many questions become one request. */
  askLeaders(topic: string): void {
    if (!this.#asked.has(topic)) this.#asked.set(topic, 0)
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
    timeoutMs?: number,
  ): Promise<MetadataResponse> {
    const body = { topics: topics?.map((name) => ({ name })) ?? null, allowAutoTopicCreation }
    return connection.call(apis.metadata, metadataRequest, metadataResponse, body, timeoutMs)
  }

  async #answerAsked(): Promise<void> {
    this.#asking = true
    while (this.#asked.size > 0 && this.#control) {
      const topics = [...this.#asked.keys()].slice(0, this.#topicsPerQuestion)
      const failures = topics.map((topic) => this.#asked.get(topic)!)
      for (const topic of topics) this.#asked.delete(topic)
      const answer = await this.describe(topics).catch((error: Error) => error)
      if (answer instanceof Error) this.#notAnswered(topics, failures, answer)
      else {
        this.#topicsPerQuestion = TOPICS_PER_QUESTION
        for (const topic of answer.topics) this.#learnLeaders(topic)
      }
      await pause(ASK_SPACING_MS)
    }
    this.#asking = false
  }

  /** One topic that makes the question fail must not keep the leaders of all others from being learned. */
  #notAnswered(topics: string[], failures: number[], error: Error): void {
    const { name, log, onLeaders } = this.options
    log.debug({ cluster: name, topics: topics.length, error: error.message }, 'leaders not learned')
    this.#topicsPerQuestion = Math.max(1, topics.length >> 1)
    if (topics.length === 1 && failures[0]! >= TOPIC_FAILURES)
      return onLeaders(topics[0]!, LEADER_NOT_AVAILABLE, [])
    for (const [i, topic] of topics.entries()) this.#asked.set(topic, failures[i]! + 1)
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
    if (answer.brokers.length === 0) return
    this.brokers.clear()
    for (const { nodeId, host, port } of answer.brokers) this.brokers.set(nodeId, { host, port })
  }

  #checkClusterId(connection: UpstreamConnection, answer: MetadataResponse): void {
    if (answer.clusterId === null) return
    if (this.clusterId === null) {
      this.clusterId = answer.clusterId
      this.options.onMet(answer.clusterId)
    }
    if (answer.clusterId === this.clusterId) return
    this.#degradedAt = performance.now()
    const reason = `${connection.address} belongs to cluster ${answer.clusterId}, not to ${this.clusterId}`
    if (this.state !== 'down') this.#move('degraded', reason)
    const error = new Error(reason)
    connection.close(error)
    throw error
  }

  /** Keeps the connection for questions, trying the bootstrap servers and every broker known. */
  async #keepConnected(): Promise<void> {
    for (let failures = 0; !this.#closed; ) {
      const lost = await this.#connectOnce()
      failures = lost ? 0 : failures + 1
      if (!this.#closed) await pause(failures > 0 ? reconnectMs(failures) : ASK_SPACING_MS)
    }
  }

  /** @returns true when it was connected and the connection is lost again */
  async #connectOnce(): Promise<boolean> {
    const candidates = this.#addresses()
    const address = candidates[this.#nextAddress++ % candidates.length]!
    let lost: () => void = () => {}
    const over = new Promise<void>((resolve) => (lost = resolve))
    try {
      const connection = await this.open(address, () => lost(), CONTROL_CONNECT_TIMEOUT_MS)
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
        if (connection.idle) await this.#metadata(connection, [], false, HEARTBEAT_TIMEOUT_MS)
      } catch {
        return
      }
    }
  }

  async #watch(): Promise<void> {
    while (!this.#closed) {
      await pause(DOWN_AFTER_MS / 12)
      const now = performance.now()
      if (this.state === 'degraded' && now - this.#degradedAt > DEGRADED_MS) this.#move('up', '')
      const silence = now - this.#lastAliveAt
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
