import { apis } from '#protocol/apis.ts'
import {
  array,
  boolean,
  type Decoded,
  int16,
  int32,
  message,
  string,
  struct,
  uuid,
} from '#protocol/schema.ts'

/** Authorized operations that were not asked for. */
const NOT_GIVEN = -0x80000000

/**
 * Metadata, versions 0 to 12.
 *
 * 1  racks, controller_id, is_internal; null topics = all, empty = none (in 0, empty = all)
 * 2  cluster_id (KIP-78) · 3 throttle_time_ms · 4 allow_auto_topic_creation (KIP-204)
 * 5  offline_replicas (KIP-112) · 6 the answer leaves before throttling (KIP-219) · 7 leader_epoch (KIP-320)
 * 8  authorized operations (KIP-430); those of the cluster only until 10 (KIP-700)
 * 9  compact lengths and tagged fields (KIP-482)
 * 10 topic_id; name may be null in requests (KIP-516), but brokers look topics up by id from 12 only
 * 12 name may be null in responses: the answer to an unknown id
 */
export const metadataRequest = message(apis.metadata.flexibleFrom, {
  topics: array(struct({ topicId: uuid.since(10), name: string.nullable(10).or('') }))
    .nullable(1)
    .or([]),
  allowAutoTopicCreation: boolean.or(true).since(4),
  includeClusterAuthorizedOperations: boolean.since(8, 10),
  includeTopicAuthorizedOperations: boolean.since(8),
})

/** One topic of an answer, by itself: large answers are put together from encoded topics. */
export const metadataTopic = struct({
  errorCode: int16,
  name: string.nullable(12).or(''),
  topicId: uuid.since(10),
  isInternal: boolean.since(1),
  partitions: array(
    struct({
      errorCode: int16,
      partitionIndex: int32,
      leaderId: int32,
      leaderEpoch: int32.or(-1).since(7),
      replicaNodes: array(int32),
      isrNodes: array(int32),
      offlineReplicas: array(int32).since(5),
    }),
  ),
  topicAuthorizedOperations: int32.or(NOT_GIVEN).since(8),
})

export const metadataResponse = message(apis.metadata.flexibleFrom, {
  throttleTimeMs: int32.since(3),
  brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().since(1) })),
  clusterId: string.nullable().since(2),
  controllerId: int32.or(-1).since(1),
  topics: array(metadataTopic),
  clusterAuthorizedOperations: int32.or(NOT_GIVEN).since(8, 10),
})

export type MetadataRequest = Decoded<typeof metadataRequest>
export type MetadataResponse = Decoded<typeof metadataResponse>
