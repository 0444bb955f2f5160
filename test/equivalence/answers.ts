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
import { handlers } from '#sandbox/registry.ts'
import type { Own } from '#test/equivalence/case.ts'
import { describeRecords, time } from '#test/equivalence/stored.ts'
import type { ApiName } from '#test/support/raw-client.ts'

/**
 * Answers in a form that two clusters can be compared in: what must differ (ids, ports, words) is replaced by
 * what it is, and topics and partitions, which brokers answer in an order of their own, are named instead of
 * counted. Left out: APIs that the sandbox does not serve, and the settings in answers to CreateTopics.
 */
const FORMS: Record<ApiName, (answer: any, own: Own) => unknown> = {
  produce: (answer, own) => ({
    ...answer,
    responses: byTopic(answer.responses, own, ({ partitionResponses, first }) =>
      byIndex(partitionResponses, first, (rest) => ({
        ...rest,
        logAppendTimeMs: time(rest.logAppendTimeMs),
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
    sessionId: answer.sessionId === 0 ? 0 : 'id',
    responses: byTopic(answer.responses, own, ({ partitions, first }) =>
      byIndex(partitions, first, ({ records, ...rest }) => ({
        ...rest,
        records: records && describeRecords(records),
      })),
    ),
  }),
  listOffsets: (answer, own) => ({
    ...answer,
    topics: byTopic(answer.topics, own, ({ partitions, first }) =>
      byIndex(partitions, first, (partition) => partition),
    ),
  }),
  metadata: (answer, own) => ({
    ...answer,
    clusterId: text(answer.clusterId),
    brokers: answer.brokers.map((broker: any) => ({ ...broker, port: 'port' })),
    topics: byTopic(answer.topics, own, ({ topicId, partitions, first, ...rest }) => ({
      ...rest,
      topicId: topicId === NO_UUID ? 'zero' : 'id',
      partitions: byIndex(partitions, first, (partition) => partition),
    })),
  }),
  findCoordinator: (answer) => ({
    ...answer,
    port: answer.port < 0 ? answer.port : 'port',
    errorMessage: text(answer.errorMessage),
  }),
  apiVersions: ({ apiKeys, ...answer }) => ({
    ...answer,
    finalizedFeaturesEpoch: answer.finalizedFeaturesEpoch < 0n ? 'none' : 'some',
    apiKeys: keyed(
      apiKeys.filter(({ apiKey }: any) => SERVED.has(apiKey)),
      ({ apiKey, minVersion, maxVersion }) => [apiKey, `${minVersion}-${maxVersion}`],
    ),
  }),
  createTopics: (answer) => ({
    ...answer,
    topics: keyed(answer.topics, ({ name, topicId, errorMessage, configs, ...rest }) => [
      name,
      { ...rest, topicId: topicId === NO_UUID ? 'zero' : 'id', errorMessage: text(errorMessage) },
    ]),
  }),
  initProducerId: (answer) => ({ ...answer, producerId: answer.producerId < 0n ? 'none' : 'id' }),
}

const SERVED = new Set(handlers.map(({ api }) => api.key))

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

/** @param frame without its length prefix. @returns the answer as it came, and its form to be compared */
export function readAnswer(
  api: ApiName,
  version: number,
  frame: Buffer,
  own: Own,
): { answer: unknown; form: unknown } {
  const answer = decodeResponse(apis[api], RESPONSES[api] as any, version, frame)
  return { answer, form: FORMS[api](answer, own) }
}

/** Topics by name, `a` and `b` by their letter. */
function byTopic(topics: any[], own: Own, form: (topic: any) => unknown): unknown {
  return keyed(topics, ({ topic, name = topic, ...rest }) => {
    const letter = name === own.a ? 'a' : name === own.b ? 'b' : name
    return [letter, form({ ...rest, first: { a: own.first, b: own.only }[letter as string] ?? 0 })]
  })
}

/** Partitions by index, a row's own ones counted from its first. */
function byIndex(partitions: any[], first: number, form: (partition: any) => unknown): unknown {
  return keyed(partitions, ({ index, partitionIndex = index, ...rest }) => {
    const isOwn = partitionIndex === first || partitionIndex === first + 1
    return [isOwn ? partitionIndex - first : partitionIndex, form(rest)]
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
