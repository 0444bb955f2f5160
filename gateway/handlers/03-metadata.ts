import { answerMetadata, type DescribedTopic } from '#gateway/metadata-answer.ts'
import type { Request } from '#gateway/request.ts'
import { isTopicName } from '#gateway/topic-name.ts'
import type { TopicAnswer } from '#gateway/topics.ts'
import { type MetadataRequest, metadataRequest } from '#protocol/messages/03-metadata.ts'

/**
 * Answered from the partition map. To clients a topic has one replica, led by the virtual broker of its
 * cluster; leader epochs and topic ids are never shown, since a producer needs neither and clients would
 * hold them against us when a topic moves (kafka.md §3.2).
 */

const TOPIC_BYTES = 256
const PARTITION_BYTES = 32
const UNKNOWN_TOPIC_ID = 100
const INVALID_NAME: TopicAnswer = { errorCode: 17, partitions: 0, internal: false, cluster: null }

export function handleMetadata(request: Request): void {
  const body = metadataRequest.decode(request.body, request.version)
  const { topics } = request.connection.worker
  if (wantsAll(body, request.version)) {
    const all = [...topics.all()]
    request.hold(bytesOf(all))
    void answerMetadata(request, all, [])
    return
  }
  const refused: DescribedTopic[] = []
  for (const { name, topicId } of body.topics!) {
    if (name !== null) continue
    refused.push({ errorCode: UNKNOWN_TOPIC_ID, name: request.version >= 12 ? null : '', topicId })
  }
  const found: [string, TopicAnswer][] = []
  const asked: Promise<void>[] = []
  for (const name of namesOf(body)) {
    const known = isTopicName(name) ? topics.known(name) : INVALID_NAME
    const entry: [string, TopicAnswer] = [name, known ?? INVALID_NAME]
    found.push(entry)
    if (known) continue
    const fill = (answer: TopicAnswer) => {
      entry[1] = answer
    }
    asked.push(topics.ask(name, body.allowAutoTopicCreation).then(fill))
  }
  request.hold(bytesOf(found))
  if (asked.length === 0) void answerMetadata(request, found, refused)
  else void Promise.all(asked).then(() => answerMetadata(request, found, refused))
}

/** What an answer takes while it is put together, roughly. */
function bytesOf(topics: readonly [string, TopicAnswer][]): number {
  return topics.reduce((sum, [, { partitions }]) => sum + TOPIC_BYTES + partitions * PARTITION_BYTES, 0)
}

/** Each once, as a broker does: an answer is never larger than the description of all topics. */
function namesOf({ topics }: MetadataRequest): Set<string> {
  return new Set(topics!.flatMap(({ name }) => name ?? []))
}

/** Version 0 has no null: an empty list is all topics there. */
function wantsAll(body: MetadataRequest, version: number): boolean {
  return body.topics === null || (version === 0 && body.topics.length === 0)
}
