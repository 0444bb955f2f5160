import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Admin, Kafka, logLevel } from '#fleet/kafkajs.ts'
import { type Installed, install, type KafkaVersion } from '#test/support/kafka-install.ts'
import * as node from '#test/support/kafka-node.ts'
import { freePorts } from '#test/support/ports.ts'
import { type Running, temporaryFolder } from '#test/support/processes.ts'
import { endOffsets } from '#test/support/raw-client.ts'

/**
 * Real Kafka clusters on this machine, without containers.
 *
 *     const cluster = await startCluster({ version: '4.4.0', nodes: 3 })
 *     await cluster.createTopics([{ topic: 'orders', partitions: 6 }])
 *     await cluster.brokers[0]!.kill()
 *     await cluster.close()
 */
export interface ClusterOptions {
  version: KafkaVersion
  nodes?: 1 | 3
  /**
   * Broker properties. With `broker.session.timeout.ms` 3000 and `broker.heartbeat.interval.ms` 500 a killed
   * leader is replaced in 3 s instead of 11, and a killed broker can come back that much sooner.
   */
  properties?: Record<string, string>
  /**
   * A port per broker at which a fault proxy listens: each broker gets a second listener (`doorPort`, for the
   * proxy to lead to) that names this port to clients. Brokers and tests use the other one.
   */
  doors?: readonly number[]
  /** Further arguments of `java`, for each broker by its place (0 is the first): an agent, another heap. */
  jvmOptions?: (place: number) => string[]
}

export interface TopicSpec {
  topic: string
  partitions: number
  /** Topic settings, such as `min.insync.replicas`. */
  config?: Record<string, string>
  /** Default: one per node. */
  replicas?: number
}

const START_ATTEMPTS = 3

/** Ready: every broker lists all brokers and hands out producer ids. */
export async function startCluster(options: ClusterOptions): Promise<KafkaCluster> {
  const installed = await install(options.version)
  for (let attempt = 1; ; attempt++) {
    const cluster = await layOut(installed, options)
    try {
      await cluster.start()
      return cluster
    } catch (error) {
      await cluster.close()
      // Somebody else was quicker to take one of the ports.
      const clash = /Address already in use|BindException/.test(String(error))
      if (!clash || attempt === START_ATTEMPTS) throw error
    }
  }
}

async function layOut(installed: Installed, options: ClusterOptions): Promise<KafkaCluster> {
  const nodes = options.nodes ?? 1
  const free = await freePorts(3 * nodes)
  const ports = Array.from({ length: nodes }, (_, i) => ({
    client: free[3 * i]!,
    controller: free[3 * i + 1]!,
    ...(options.doors && { door: { bound: free[3 * i + 2]!, advertised: options.doors[i]! } }),
  }))
  const folder = temporaryFolder('sluice-kafka-')
  const clusterId = node.newKafkaId()
  const brokers: KafkaBroker[] = []
  for (let id = 1; id <= nodes; id++) {
    const properties = options.properties ?? {}
    const settings = { id, clusterId, folder: join(folder, String(id)), ports, properties }
    await node.writeProperties(settings)
    await node.format(settings, installed.template)
    brokers.push(new KafkaBroker(installed.jvm, options.jvmOptions?.(id - 1) ?? [], settings))
  }
  return new KafkaCluster(options.version, clusterId, folder, brokers)
}

export class KafkaBroker {
  readonly id: number
  readonly port: number
  /** Of the listener behind a fault proxy; 0 if there is none. */
  readonly doorPort: number
  #jvm: string[]
  readonly #jvmOptions: string[]
  readonly #settings: node.NodeSettings
  #running: Running | undefined

  constructor(jvm: string[], jvmOptions: string[], settings: node.NodeSettings) {
    this.id = settings.id
    const { client, door } = settings.ports[settings.id - 1]!
    this.port = client
    this.doorPort = door?.bound ?? 0
    this.#jvm = jvm
    this.#jvmOptions = jvmOptions
    this.#settings = settings
  }

  get pid(): number {
    if (!this.#running?.isRunning) throw new Error(`broker ${this.id} is not running`)
    return this.#running.pid
  }

  get isRunning(): boolean {
    return this.#running?.isRunning ?? false
  }

  /** The newest 256 KiB of its log (level warn). */
  log(): string {
    return this.#running?.output() ?? ''
  }

  /** Starts the process, with the data it left behind, and returns before it is ready. */
  async launch(): Promise<void> {
    this.#running = await node.launch([...this.#jvm, ...this.#jvmOptions], this.#settings.folder)
  }

  /** @param brokers as many must be alive in its eyes, itself among them */
  async waitUntilReady(brokers = 1): Promise<void> {
    await node.waitUntilReady(this.#running!, this.#settings, brokers)
  }

  /** Clean shutdown: hands its leaderships over first. */
  async stop(): Promise<void> {
    await this.#running?.stop('SIGTERM', 60_000)
  }

  async kill(): Promise<void> {
    await this.#running?.stop('SIGKILL')
  }

  /** SIGSTOP: its connections stay open and nothing is answered. */
  pause(): void {
    this.#running?.signal('SIGSTOP')
  }

  resume(): void {
    this.#running?.signal('SIGCONT')
  }

  /**
   * Starts it again, after `stop` or `kill`, with its data; returns when it is ready. After `kill`
   * the controller refuses it until its old session is over (`broker.session.timeout.ms`, 9 s).
   */
  async restart(): Promise<void> {
    if (this.isRunning) await this.stop()
    await this.launch()
    await this.waitUntilReady()
  }

  /** Restarts it with the programs of another version, on the data it has. */
  async restartAs(version: KafkaVersion): Promise<void> {
    this.#jvm = (await install(version)).jvm
    await this.restart()
  }
}

export class KafkaCluster {
  readonly version: KafkaVersion
  readonly clusterId: string
  readonly brokers: readonly KafkaBroker[]
  readonly #folder: string

  constructor(version: KafkaVersion, clusterId: string, folder: string, brokers: KafkaBroker[]) {
    this.version = version
    this.clusterId = clusterId
    this.brokers = brokers
    this.#folder = folder
  }

  /** `host:port` of all brokers, with commas. */
  get bootstrap(): string {
    return this.brokers.map(({ port }) => `127.0.0.1:${port}`).join(',')
  }

  async start(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.launch()))
    await Promise.all(this.brokers.map((broker) => broker.waitUntilReady(this.brokers.length)))
  }

  /** Returns when the leader of every partition answers. */
  async createTopics(specs: TopicSpec[]): Promise<void> {
    await this.withAdmin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: specs.map(({ topic, partitions, config, replicas }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: replicas ?? -1,
          configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
        })),
      }),
    )
    await Promise.all(specs.map(({ topic, partitions }) => this.#leadersAnswer(topic, partitions)))
  }

  async deleteTopics(topics: string[]): Promise<void> {
    await this.withAdmin((admin) => admin.deleteTopics({ topics }))
  }

  /** Grows a topic to `count` partitions in all, and returns when all their leaders answer. */
  async addPartitions(topic: string, count: number): Promise<void> {
    await this.withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }))
    await this.#leadersAnswer(topic, count)
  }

  /** Leaderships go round by one: the replicas of each partition are listed anew, and the first is preferred. */
  async preferOthers(topic: string): Promise<void> {
    await this.withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const partitionAssignment = topics[0]!.partitions.map(({ partitionId, leader, replicas }) => {
        const sorted = [...replicas].sort((a, b) => a - b)
        const next = (sorted.indexOf(leader) + 1) % sorted.length
        return { partition: partitionId, replicas: [...sorted.slice(next), ...sorted.slice(0, next)] }
      })
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    })
  }

  /** Waits until every partition of a topic has a leader and all its replicas are in sync. */
  async waitUntilInSync(topic: string, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    const isInSync = async (admin: Admin): Promise<boolean> => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]!.partitions.every(({ leader, isr, replicas }) => {
        return leader > 0 && isr.length === replicas.length
      })
    }
    while (!(await this.withAdmin(isInSync))) {
      if (Date.now() > deadline) throw new Error(`${topic} is not in sync after ${timeoutMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** For anything else: kafkajs's admin client, connected for one piece of work. */
  async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const kafka = new Kafka({
      clientId: 'test-admin',
      brokers: this.#live().map(({ port }) => `127.0.0.1:${port}`),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 12 },
    })
    const admin = kafka.admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }

  /** Kills all that runs and removes the data. */
  async close(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()))
    await rm(this.#folder, { recursive: true, force: true })
  }

  #live(): KafkaBroker[] {
    return this.brokers.filter(({ isRunning }) => isRunning)
  }

  /** A new leader refuses for up to 100 ms after Metadata has named it. */
  async #leadersAnswer(topic: string, partitions: number, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    const { port } = this.#live()[0]!
    for (;;) {
      const ends = await endOffsets(port, topic).catch((error: Error) => error)
      if (!(ends instanceof Error) && ends.size >= partitions) return
      if (Date.now() > deadline) throw new Error(`the leaders of ${topic} do not answer: ${ends}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
