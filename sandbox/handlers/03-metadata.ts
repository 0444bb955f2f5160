import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import {
  type MetadataRequest,
  type MetadataResponse,
  metadataRequest,
  metadataResponse,
} from '#protocol/messages/03-metadata.ts'
import { NO_UUID } from '#protocol/schema.ts'
import type { Cluster } from '#sandbox/cluster.ts'
import type { Handler } from '#sandbox/handler.ts'
import type { Partition } from '#sandbox/partition.ts'
import { isLegalTopicName, type Topic } from '#sandbox/topic.ts'

type AnsweredTopic = MetadataResponse['topics'][number]
type AskedTopics = NonNullable<MetadataRequest['topics']>

/** Authorized operations that were not asked for. */
const NOT_GIVEN = -0x80000000
/** What a broker without an authorizer allows: every operation there is, as bits. */
const ALL_OF_TOPIC = 0b1101_1111_1000
const ALL_OF_CLUSTER = 0b1_1111_1010_0000
/** Topics may be asked for by id. */
const BY_ID = 12

/**
 * Metadata 0–12. Topics are never created here (auto.create.topics.enable=false). All brokers know the same at
 * the same time, and the controller is the first live one.
 */
export const metadata: Handler = {
  api: apis.metadata,
  served: apis.metadata.codec,
  handle(request) {
    const { cluster, version } = request
    const body = metadataRequest.decode(request.body, version)
    const errorCode = wholeError(body, version)
    if (errorCode) return request.respond(metadataResponse, refusal(body, errorCode))
    const live = cluster.live
    const clusterOperations = version >= 8 && version <= 10 && body.includeClusterAuthorizedOperations
    request.respond(metadataResponse, {
      brokers: live.map(({ id, host, port }) => ({ nodeId: id, host, port, rack: null })),
      clusterId: cluster.clusterId,
      controllerId: live[0]?.id ?? -1,
      topics: topicsOf(cluster, body, version),
      clusterAuthorizedOperations: clusterOperations ? ALL_OF_CLUSTER : NOT_GIVEN,
    })
  },
}

/** Ids before version 12, or nothing at all to go by, fail the whole request. */
function wholeError({ topics }: MetadataRequest, version: number): number {
  for (const { name, topicId } of topics ?? []) {
    const hasId = topicId !== NO_UUID
    if (version < BY_ID && (hasId || name === null)) return Errors.INVALID_REQUEST
    if (!hasId && name === null) return Errors.UNKNOWN_SERVER_ERROR
  }
  return Errors.NONE
}

function refusal({ topics }: MetadataRequest, errorCode: number) {
  const answers = topics!.map(({ name, topicId }) => unknown(name ?? '', topicId, errorCode, NOT_GIVEN))
  return { brokers: [], clusterId: null, controllerId: -1, topics: answers }
}

function topicsOf(cluster: Cluster, body: MetadataRequest, version: number): AnsweredTopic[] {
  const { topics, includeTopicAuthorizedOperations } = body
  const operations = includeTopicAuthorizedOperations ? ALL_OF_TOPIC : NOT_GIVEN
  const all = topics === null || (version === 0 && topics.length === 0)
  if (all) return [...cluster.topics.values()].map((topic) => known(cluster, topic, operations))
  return distinct(topics).map(({ name, topicId }) => {
    const topic = topicId === NO_UUID ? cluster.topics.get(name ?? '') : cluster.topicById(topicId)
    if (topic) return known(cluster, topic, operations)
    if (topicId !== NO_UUID) return unknown(null, topicId, Errors.UNKNOWN_TOPIC_ID, operations)
    const legal = isLegalTopicName(name ?? '')
    const errorCode = legal ? Errors.UNKNOWN_TOPIC_OR_PARTITION : Errors.INVALID_TOPIC_EXCEPTION
    return unknown(name, NO_UUID, errorCode, operations)
  })
}

/** A topic that is asked for twice is answered once. */
function distinct(topics: AskedTopics): AskedTopics {
  return [...new Map(topics.map((topic) => [`${topic.topicId} ${topic.name}`, topic])).values()]
}

function known(cluster: Cluster, topic: Topic, topicAuthorizedOperations: number): AnsweredTopic {
  return {
    errorCode: Errors.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition) => describe(cluster, partition)),
    topicAuthorizedOperations,
  }
}

function describe(cluster: Cluster, partition: Partition): AnsweredTopic['partitions'][number] {
  const isrNodes = cluster.isr(partition)
  return {
    errorCode: partition.leader === -1 ? Errors.LEADER_NOT_AVAILABLE : Errors.NONE,
    partitionIndex: partition.index,
    leaderId: partition.leader,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes,
    offlineReplicas: partition.replicas.filter((id) => !isrNodes.includes(id)),
  }
}

function unknown(
  name: string | null,
  topicId: string,
  errorCode: number,
  topicAuthorizedOperations: number,
): AnsweredTopic {
  return { errorCode, name, topicId, isInternal: false, partitions: [], topicAuthorizedOperations }
}
