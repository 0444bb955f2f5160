import { TopicReader } from '#fleet/refresher.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'
import { readTopicNames } from '#gateway/topic-names.ts'
import type { Log } from '#telemetry/log.ts'

/**
 * What reads the topics of a cluster, for this node or for the whole fleet.
 *
 * @param pinned the id of the cluster that the workers have met, if they have: no other is read
 */
export function topicReaderOf(
  cluster: ClusterConfig,
  pinned: () => string | undefined,
  log: Log,
): TopicReader {
  const brokers = cluster.bootstrapServers.map(({ host, port }) => `${host}:${port}`)
  const names = async () => {
    const { clusterId, names } = await readTopicNames(cluster)
    const wanted = pinned()
    if (wanted === undefined || clusterId === wanted) return names
    throw new Error(`the bootstrap servers lead to cluster ${clusterId}, not to ${wanted}`)
  }
  return new TopicReader({ name: cluster.name, clientId: cluster.clientId, brokers }, names, log)
}
