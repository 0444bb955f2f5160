import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import {
  type CreateTopicsRequest,
  createTopicsRequest,
  createTopicsResponse,
} from '#protocol/messages/19-create-topics.ts'
import type { Cluster } from '#sandbox/cluster.ts'
import type { Handler } from '#sandbox/handler.ts'
import { isLegalTopicName, Topic, type TopicSpec } from '#sandbox/topic.ts'

type Asked = CreateTopicsRequest['topics'][number]
/** The broker's default (KIP-464). */
const DEFAULT = -1

/**
 * CreateTopics 2–7, at any broker. Left out: assignments by hand (39), the names of settings are not checked,
 * and the answer names no settings.
 */
export const createTopics: Handler = {
  api: apis.createTopics,
  served: apis.createTopics.codec,
  handle(request) {
    const { cluster } = request
    const { topics, validateOnly } = createTopicsRequest.decode(request.body, request.version)
    const twice = new Set(topics.map(({ name }) => name).filter((name, i, all) => all.indexOf(name) !== i))
    const listed = topics.filter(({ name }, i) => topics.findIndex((topic) => topic.name === name) === i)
    request.respond(createTopicsResponse, {
      topics: listed.map((topic) => create(cluster, topic, twice.has(topic.name), validateOnly)),
    })
  },
}

function create(cluster: Cluster, asked: Asked, isTwice: boolean, validateOnly: boolean) {
  const spec = specOf(cluster, asked)
  const errorCode = isTwice ? Errors.INVALID_REQUEST : refusalOf(cluster, asked, spec)
  if (errorCode !== Errors.NONE) {
    const errorMessage = `refused with ${errorCode}`
    return { name: asked.name, errorCode, errorMessage, topicConfigErrorCode: 0, configs: [] }
  }
  const { id: topicId } = validateOnly ? new Topic(cluster, spec) : cluster.createTopic(spec)
  return {
    name: asked.name,
    topicId,
    errorMessage: null,
    numPartitions: spec.partitions,
    replicationFactor: spec.replicas,
    configs: [],
  }
}

function specOf(cluster: Cluster, { name, numPartitions, replicationFactor, configs }: Asked): TopicSpec {
  return {
    topic: name,
    partitions: numPartitions === DEFAULT ? 1 : numPartitions,
    replicas: replicationFactor === DEFAULT ? Math.min(3, cluster.live.length) : replicationFactor,
    config: Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ''])),
  }
}

function refusalOf(cluster: Cluster, asked: Asked, { partitions, replicas }: TopicSpec): number {
  if (!isLegalTopicName(asked.name)) return Errors.INVALID_TOPIC_EXCEPTION
  if (cluster.topics.has(asked.name)) return Errors.TOPIC_ALREADY_EXISTS
  if (asked.assignments.length > 0) return Errors.INVALID_REPLICA_ASSIGNMENT
  if (partitions < 1) return Errors.INVALID_PARTITIONS
  if (replicas! < 1 || replicas! > cluster.live.length) return Errors.INVALID_REPLICATION_FACTOR
  return Errors.NONE
}
