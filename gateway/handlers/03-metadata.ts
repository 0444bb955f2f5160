import type { Request } from '#gateway/request.ts'
import { isTopicName } from '#gateway/topic-name.ts'
import type { TopicAnswer } from '#gateway/topics.ts'
import type { VirtualCluster } from '#gateway/virtual-brokers.ts'
import {
  type MetadataRequest,
  type MetadataResponse,
  metadataRequest,
  metadataResponse,
} from '#protocol/messages/03-metadata.ts'
import { type Input, NO_UUID } from '#protocol/schema.ts'

/**
 * Answered from the partition map. To clients a topic has one replica, led by the virtual broker of its
 * cluster; leader epochs and topic ids are never shown, since a producer needs neither and clients would
 * hold them against us when a topic moves (kafka.md §3.2).
 */

const UNKNOWN_TOPIC_ID = 100
const INVALID_NAME: TopicAnswer = { errorCode: 17, partitions: 0, internal: false, cluster: null }
type Topic = Input<MetadataResponse['topics'][number]>

export function handleMetadata(request: Request): void {
  const body = metadataRequest.decode(request.body, request.version)
  const { topics } = request.connection.worker
  const virtual = request.connection.virtual
  const found: Topic[] = []
  const asked: Promise<void>[] = []
  if (wantsAll(body, request.version)) {
    for (const [name, answer] of topics.all()) found.push(describe(name, answer, virtual))
    return respond(request, found)
  }
  for (const { name, topicId } of body.topics!) {
    if (name !== null) continue
    found.push({ errorCode: UNKNOWN_TOPIC_ID, name: request.version >= 12 ? null : '', topicId })
  }
  for (const name of namesOf(body)) {
    const place = found.push({ errorCode: 0, name }) - 1
    const fill = (answer: TopicAnswer) => {
      found[place] = describe(name, answer, virtual)
    }
    const known = isTopicName(name) ? topics.known(name) : INVALID_NAME
    if (known) fill(known)
    else asked.push(topics.ask(name, body.allowAutoTopicCreation).then(fill))
  }
  if (asked.length === 0) respond(request, found)
  else void Promise.all(asked).then(() => respond(request, found))
}

/** Each once, as a broker does: an answer is never larger than the description of all topics. */
function namesOf({ topics }: MetadataRequest): Set<string> {
  return new Set(topics!.flatMap(({ name }) => name ?? []))
}

/** Version 0 has no null: an empty list is all topics there. */
function wantsAll(body: MetadataRequest, version: number): boolean {
  return body.topics === null || (version === 0 && body.topics.length === 0)
}

function respond(request: Request, topics: Topic[]): void {
  const { virtual, worker } = request.connection
  request.respondWith(metadataResponse, {
    brokers: virtual.brokers.map(({ id, host, port }) => ({ nodeId: id, host, port, rack: worker.zone })),
    clusterId: worker.clusterId,
    controllerId: virtual.brokers[0]?.id ?? -1,
    topics,
  })
}

function describe(name: string, answer: TopicAnswer, virtual: VirtualCluster): Topic {
  if (answer.errorCode !== 0) return { errorCode: answer.errorCode, name, topicId: NO_UUID }
  const leaderId = virtual.leaderOf(answer.cluster!)
  const partitions = Array.from({ length: answer.partitions }, (_, partitionIndex) => ({
    partitionIndex,
    leaderId,
    leaderEpoch: -1,
    replicaNodes: [leaderId],
    isrNodes: [leaderId],
  }))
  return { errorCode: 0, name, partitions }
}
