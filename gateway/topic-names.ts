import type { ClusterConfig } from '#gateway/config-schema.ts'
import { apis } from '#protocol/apis.ts'
import { metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { UpstreamConnection } from '#upstream/connection.ts'

const TIMEOUT_MS = 5000

/** Asks the first bootstrap server that answers for all topics of a cluster, and for the cluster's id. */
export async function readTopicNames(
  cluster: ClusterConfig,
): Promise<{ clusterId: string | null; names: Map<string, { internal: boolean }> }> {
  const failures: string[] = []
  for (const address of cluster.bootstrapServers) {
    const connection = new UpstreamConnection({
      ...address,
      clientId: cluster.clientId,
      connectTimeoutMs: TIMEOUT_MS,
      requestTimeoutMs: TIMEOUT_MS,
    })
    try {
      await connection.open()
      const body = { topics: null, allowAutoTopicCreation: false }
      const answer = await connection.call(apis.metadata, metadataRequest, metadataResponse, body)
      const names = new Map(answer.topics.map(({ name, isInternal }) => [name!, { internal: isInternal }]))
      return { clusterId: answer.clusterId, names }
    } catch (error) {
      failures.push((error as Error).message)
    } finally {
      connection.close()
    }
  }
  throw new Error(failures.join('; '))
}
