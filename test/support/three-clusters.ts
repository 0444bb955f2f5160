import { after, before } from 'node:test'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'

/** The founding example: three real clusters, one Kafka 3.9 and two 4.x, and the routes between. */
export class ThreeClusters {
  c1!: KafkaCluster
  c2!: KafkaCluster
  c3!: KafkaCluster
  gateway!: Gateway

  get all(): KafkaCluster[] {
    return [this.c1, this.c2, this.c3]
  }

  clusterOf(topic: string): KafkaCluster {
    return topic.startsWith('app') ? this.c1 : topic.startsWith('a') ? this.c2 : this.c3
  }

  /** Creates topics where their routes lead: one partition on c1 and c2, five on c3. */
  async createTopics(...topics: string[]): Promise<void> {
    await Promise.all(
      this.all.map(async (cluster) => {
        const own = topics.filter((topic) => this.clusterOf(topic) === cluster)
        const partitions = cluster === this.c3 ? 5 : 1
        if (own.length > 0) await cluster.createTopics(own.map((topic) => ({ topic, partitions })))
      }),
    )
  }
}

/** Starts them before the tests of a file and closes them behind. */
export function useThreeClusters(settings: Record<string, unknown> = {}): ThreeClusters {
  const clusters = new ThreeClusters()
  before(async () => {
    const started = await Promise.all([
      startCluster({ version: '3.9.2' }),
      startCluster({ version: '4.3.1' }),
      startCluster({ version: '4.4.0' }),
    ])
    ;[clusters.c1, clusters.c2, clusters.c3] = started
    clusters.gateway = await startGateway({
      clusters: { c1: started[0].bootstrap, c2: started[1].bootstrap, c3: started[2].bootstrap },
      routes: { app: 'c1', a: 'c2', b: 'c3' },
      settings,
    })
  })
  after(async () => {
    await clusters.gateway?.close()
    await Promise.all(clusters.all.map((cluster) => cluster?.close()))
  })
  return clusters
}
