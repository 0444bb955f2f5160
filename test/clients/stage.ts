import type { Logs } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { freePortRange } from '#test/support/ports.ts'
import { Sniffer } from '#test/support/sniffer.ts'

/**
 * A Kafka 3.9 and a 4.x cluster, called `one` and `two`, a gateway in front of both with two workers, and a
 * sniffer in front of the gateway. Topics `one.*` and `two.*` are routed by their first part.
 */
export class Stage {
  readonly one: KafkaCluster
  readonly two: KafkaCluster
  readonly gateway: Gateway
  readonly sniffer: Sniffer
  /** What clients are given: the sniffer's port. */
  readonly bootstrap: string

  static async open(): Promise<Stage> {
    const [one, two] = await Promise.all([
      startCluster({ version: '3.9.2' }),
      startCluster({ version: '4.4.0' }),
    ])
    const port = await freePortRange(3)
    const firstPort = await freePortRange(3)
    const sniffer = await Sniffer.start(
      ['bootstrap', 'one', 'two'].map((name, i) => ({ name, port: port + i, target: firstPort + i })),
    )
    const gateway = await startGateway({
      clusters: { one: one.bootstrap, two: two.bootstrap },
      routes: { 'one.': 'one', 'two.': 'two' },
      settings: {
        node: { id: 'gw-test', workers: 2 },
        listeners: [
          { name: 'public', bind: `127.0.0.1:${firstPort}`, advertised: { host: '127.0.0.1', port } },
        ],
      },
    })
    return new Stage(one, two, gateway, sniffer, port)
  }

  private constructor(
    one: KafkaCluster,
    two: KafkaCluster,
    gateway: Gateway,
    sniffer: Sniffer,
    port: number,
  ) {
    this.one = one
    this.two = two
    this.gateway = gateway
    this.sniffer = sniffer
    this.bootstrap = `127.0.0.1:${port}`
  }

  clusterOf(topic: string): KafkaCluster {
    return topic.startsWith('one.') ? this.one : this.two
  }

  /** Creates `one.NAME` with three partitions and `two.NAME` with four, for each of the names. */
  async createTopics(names: string[]): Promise<void> {
    await Promise.all([
      this.one.createTopics(names.map((name) => ({ topic: `one.${name}`, partitions: 3 }))),
      this.two.createTopics(names.map((name) => ({ topic: `two.${name}`, partitions: 4 }))),
    ])
  }

  /** What the clusters hold, read from them. @param names all topics, or the pairs of these names */
  async logs(names?: string[]): Promise<Logs> {
    const [one, two] = await Promise.all([this.#log('one', names), this.#log('two', names)])
    return { clusters: { one, two }, clusterOf: (topic) => topic.split('.')[0]! }
  }

  async #log(cluster: 'one' | 'two', names?: string[]): ReturnType<typeof readLog> {
    const topics = names
      ? names.map((name) => `${cluster}.${name}`)
      : await this[cluster].withAdmin((admin) => admin.listTopics())
    return readLog(
      this[cluster].bootstrap,
      topics.filter((topic) => !topic.startsWith('__')),
    )
  }

  async close(): Promise<void> {
    await this.gateway.close()
    await this.sniffer.close()
    await Promise.all([this.one.close(), this.two.close()])
  }
}
