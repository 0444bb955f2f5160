import { apis } from '#protocol/apis.ts'
import {
  array,
  bytes,
  type Decoded,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
} from '#protocol/schema.ts'

/**
 * Fetch, versions 4 to 11: record batches of magic 2 at last, and still without compact lengths (12).
 *
 * 4  isolation_level, aborted_transactions, last_stable_offset (KIP-98) · 5 log_start_offset (KIP-107)
 * 7  fetch sessions: session_id, session_epoch, forgotten_topics_data (KIP-227)
 * 9  current_leader_epoch (KIP-320) · 10 zstd may come (KIP-110)
 * 11 rack_id, preferred_read_replica (KIP-392)
 *
 * The order of partitions in the request is the order in which the broker fills max_bytes. A first batch
 * that is larger than the limits is sent all the same (KIP-74).
 */
export const fetchRequest = message(apis.fetch.flexibleFrom, {
  replicaId: int32.or(-1),
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: int32.or(0x7fffffff),
  /** 0 read uncommitted, 1 read committed */
  isolationLevel: int8,
  sessionId: int32.since(7),
  sessionEpoch: int32.or(-1).since(7),
  topics: array(
    struct({
      topic: string,
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: int32.or(-1).since(9),
          fetchOffset: int64,
          logStartOffset: int64.or(-1n).since(5),
          partitionMaxBytes: int32,
        }),
      ),
    }),
  ),
  forgottenTopicsData: array(struct({ topic: string, partitions: array(int32) })).since(7),
  rackId: string.since(11),
})

export const fetchResponse = message(apis.fetch.flexibleFrom, {
  throttleTimeMs: int32,
  errorCode: int16.since(7),
  sessionId: int32.since(7),
  responses: array(
    struct({
      topic: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
          highWatermark: int64,
          lastStableOffset: int64.or(-1n),
          logStartOffset: int64.or(-1n).since(5),
          abortedTransactions: array(struct({ producerId: int64, firstOffset: int64 }))
            .nullable()
            .or([]),
          preferredReadReplica: int32.or(-1).since(11),
          /** Batches one after the other, the last one possibly cut off. A view on the frame. */
          records: bytes.nullable(),
        }),
      ),
    }),
  ),
})

export type FetchRequest = Decoded<typeof fetchRequest>
export type FetchResponse = Decoded<typeof fetchResponse>
