import { apis } from '#protocol/apis.ts'
import { array, type Decoded, int8, int16, int32, int64, message, string, struct } from '#protocol/schema.ts'

/**
 * ListOffsets, versions 1 to 5: one offset per partition (KIP-79), still without compact lengths (6).
 *
 * 2 isolation_level (KIP-98), throttle_time_ms · 3 the answer leaves before throttling (KIP-219)
 * 4 leader epochs (KIP-320) · 5 OFFSET_NOT_AVAILABLE may come (KIP-207)
 *
 * timestamp -1 asks for the end of the log, -2 for its start. Partitions are answered in an order of the
 * broker's own.
 */
export const listOffsetsRequest = message(apis.listOffsets.flexibleFrom, {
  /** -1 for a consumer */
  replicaId: int32,
  /** 0 read uncommitted, 1 read committed */
  isolationLevel: int8.since(2),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          currentLeaderEpoch: int32.or(-1).since(4),
          timestamp: int64,
        }),
      ),
    }),
  ),
})

export const listOffsetsResponse = message(apis.listOffsets.flexibleFrom, {
  throttleTimeMs: int32.since(2),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
          timestamp: int64.or(-1n),
          offset: int64.or(-1n),
          leaderEpoch: int32.or(-1).since(4),
        }),
      ),
    }),
  ),
})

export type ListOffsetsRequest = Decoded<typeof listOffsetsRequest>
export type ListOffsetsResponse = Decoded<typeof listOffsetsResponse>
