import { apis } from '#protocol/apis.ts'
import { decodeResponse } from '#protocol/header.ts'
import { produceResponse } from '#protocol/messages/00-produce.ts'
import { fetchResponse } from '#protocol/messages/01-fetch.ts'
import { listOffsetsResponse } from '#protocol/messages/02-list-offsets.ts'
import { metadataResponse } from '#protocol/messages/03-metadata.ts'
import { findCoordinatorResponse } from '#protocol/messages/10-find-coordinator.ts'
import { apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { createTopicsResponse } from '#protocol/messages/19-create-topics.ts'
import { initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'
import { NO_UUID } from '#protocol/schema.ts'
import type { Own } from '#test/equivalence/case.ts'
import type { ApiName } from '#test/support/raw-client.ts'

/**
 * Answers in a form that two clusters can be compared in: what must differ (ids, ports, words) is replaced by
 * what it is, and topics and partitions, which brokers answer in an order of their own, are named instead of
 * counted. What a row does not own is left out.
 */
const FORMS: Record<ApiName, (answer: any, own: Own) => unknown> = {
  produce: (answer, own) => ({
    ...answer,
    responses: byTopic(answer.responses, own, ({ partitionResponses }) =>
      byIndex(partitionResponses, own, ({ index, ...rest }) => ({
        ...rest,
        errorMessage: text(rest.errorMessage),
        recordErrors: rest.recordErrors.map((error: any) => ({
          ...error,
          batchIndexErrorMessage: text(error.batchIndexErrorMessage),
        })),
      })),
    ),
  }),
  fetch: (answer, own) => ({
    ...answer,
    responses: byTopic(answer.responses, own, ({ partitions }) =>
      byIndex(partitions, own, ({ partitionIndex, records, ...rest }) => ({
        ...rest,
        records: records && withoutEpochs(records),
      })),
    ),
  }),
  listOffsets: (answer, own) => ({
    ...answer,
    topics: byTopic(answer.topics, own, ({ partitions }) =>
      byIndex(partitions, own, ({ partitionIndex, ...rest }) => rest),
    ),
  }),
  metadata: (answer, own) => ({
    ...answer,
    clusterId: text(answer.clusterId),
    brokers: answer.brokers.map((broker: any) => ({ ...broker, port: 'port' })),
    topics: byTopic(answer.topics, own, ({ topicId, partitions, ...rest }) => ({
      ...rest,
      topicId: topicId === NO_UUID ? 'zero' : 'id',
      partitions: byIndex(partitions, own, ({ partitionIndex, ...partition }) => partition),
    })),
  }),
  findCoordinator: (answer) => ({
    ...answer,
    port: answer.port < 0 ? answer.port : 'port',
    errorMessage: text(answer.errorMessage),
  }),
  apiVersions: ({ apiKeys, ...answer }) => ({
    ...answer,
    apiKeys: Object.fromEntries(
      apiKeys.map(({ apiKey, minVersion, maxVersion }: any) => [apiKey, `${minVersion}-${maxVersion}`]),
    ),
  }),
  createTopics: (answer) => ({
    ...answer,
    topics: keyed(answer.topics, ({ name, topicId, errorMessage, ...rest }) => [
      name,
      { ...rest, topicId: topicId === NO_UUID ? 'zero' : 'id', errorMessage: text(errorMessage) },
    ]),
  }),
  initProducerId: (answer) => ({ ...answer, producerId: answer.producerId < 0n ? 'none' : 'id' }),
}

const RESPONSES = {
  produce: produceResponse,
  fetch: fetchResponse,
  listOffsets: listOffsetsResponse,
  metadata: metadataResponse,
  findCoordinator: findCoordinatorResponse,
  apiVersions: apiVersionsResponse,
  createTopics: createTopicsResponse,
  initProducerId: initProducerIdResponse,
}

/** @param frame without its length prefix. The real answer and its comparable form. */
export function readAnswer(
  api: ApiName,
  version: number,
  frame: Buffer,
  own: Own,
): { answer: any; form: unknown } {
  const answer = decodeResponse(apis[api], RESPONSES[api] as any, version, frame)
  return { answer, form: FORMS[api](answer, own) }
}

/** Topics by name, `a` and `b` by their letter. Those of other rows are left out. */
function byTopic(topics: any[], own: Own, form: (topic: any) => unknown): unknown {
  const letters: Record<string, string> = { [own.a]: 'a', [own.b]: 'b' }
  return keyed(topics, ({ topic, name = topic, ...rest }) => [letters[name] ?? name, form(rest)])
}

/** Partitions by index, a row's own ones as 0 and 1. */
function byIndex(partitions: any[], own: Own, form: (partition: any) => unknown): unknown {
  return keyed(partitions, (partition) => {
    const index = partition.index ?? partition.partitionIndex
    const isOwn = index === own.first || index === own.first + 1
    return [isOwn ? index - own.first : index, form(partition)]
  })
}

/** An object of what `entry` gives; a name that comes twice is marked. */
function keyed(items: any[], entry: (item: any) => [name: string, value: unknown]): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const item of items) {
    let [name, value] = entry(item)
    while (name in all) name = `${name} again`
    all[name] = value
  }
  return all
}

function text(value: string | null): string | null {
  return value === null ? null : 'text'
}

/** Batches as they came, but for the leader epoch. */
function withoutEpochs(records: Buffer): string {
  const copy = Buffer.from(records)
  for (let at = 0; at + 16 <= copy.length; at += 12 + copy.readInt32BE(at + 8)) copy.fill(0, at + 12, at + 16)
  return copy.toString('hex')
}
