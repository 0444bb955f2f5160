import { apis } from '#protocol/apis.ts'
import {
  array,
  boolean,
  type Decoded,
  int8,
  int16,
  int32,
  message,
  string,
  struct,
  uuid,
} from '#protocol/schema.ts'

/**
 * CreateTopics, versions 2 to 7.
 *
 * 3 the answer leaves before throttling (KIP-219)
 * 4 num_partitions and replication_factor may be -1: the broker's defaults (KIP-464)
 * 5 compact lengths and tagged fields (KIP-482), settings of the topic in the response (KIP-525)
 * 6 THROTTLING_QUOTA_EXCEEDED may come (KIP-599) · 7 topic_id in the response (KIP-516)
 */
export const createTopicsRequest = message(apis.createTopics.flexibleFrom, {
  topics: array(
    struct({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
      configs: array(struct({ name: string, value: string.nullable().or('') })),
    }),
  ),
  timeoutMs: int32.or(60_000),
  validateOnly: boolean,
})

export const createTopicsResponse = message(apis.createTopics.flexibleFrom, {
  throttleTimeMs: int32,
  topics: array(
    struct({
      name: string,
      topicId: uuid.since(7),
      errorCode: int16,
      errorMessage: string.nullable().or(''),
      /** Why configs is null, when it is. */
      topicConfigErrorCode: int16.tagged(0, 5),
      numPartitions: int32.or(-1).since(5),
      replicationFactor: int16.or(-1).since(5),
      configs: array(
        struct({
          name: string,
          value: string.nullable().or(''),
          readOnly: boolean,
          configSource: int8.or(-1),
          isSensitive: boolean,
        }),
      )
        .nullable()
        .or([])
        .since(5),
    }),
  ),
})

export type CreateTopicsRequest = Decoded<typeof createTopicsRequest>
export type CreateTopicsResponse = Decoded<typeof createTopicsResponse>
