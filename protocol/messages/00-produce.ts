import { apis } from '#protocol/apis.ts'
import { array, bytes, type Decoded, int16, int32, int64, message, string, struct } from '#protocol/schema.ts'

/**
 * Produce, versions 3 to 12: the whole grammar. The path that every batch takes has its own reader and
 * writer of the same bytes in produce-wire.ts.
 *
 * 3  transactional_id, record batches of magic 2 (KIP-98)
 * 4  KAFKA_STORAGE_ERROR may come · 5 log_start_offset · 7 zstd is allowed (KIP-110)
 * 8  record_errors, error_message (KIP-467)
 * 9  compact lengths and tagged fields (KIP-482)
 * 10 current_leader, node_endpoints (KIP-951): they name the real brokers and are never passed on to clients
 * 11 TRANSACTION_ABORTABLE may come · 12 adds partitions to a transaction by itself (KIP-890); bytes as in 10
 *
 * acks 0 has no response at all. A broker answers null records with silence for ever (NPE), and answers
 * partitions in an order of its own: match them by topic and index.
 */
export const produceRequest = message(apis.produce.flexibleFrom, {
  transactionalId: string.nullable(),
  acks: int16,
  timeoutMs: int32,
  topicData: array(
    struct({
      name: string,
      partitionData: array(
        struct({
          index: int32,
          /** A view on the frame. */
          records: bytes.nullable(),
        }),
      ),
    }),
  ),
})

export const produceResponse = message(apis.produce.flexibleFrom, {
  responses: array(
    struct({
      name: string,
      partitionResponses: array(
        struct({
          index: int32,
          errorCode: int16,
          baseOffset: int64,
          logAppendTimeMs: int64.or(-1n),
          logStartOffset: int64.or(-1n).since(5),
          recordErrors: array(struct({ batchIndex: int32, batchIndexErrorMessage: string.nullable() })).since(
            8,
          ),
          errorMessage: string.nullable().since(8),
          currentLeader: struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) }).tagged(0, 10),
        }),
      ),
    }),
  ),
  throttleTimeMs: int32,
  nodeEndpoints: array(struct({ nodeId: int32, host: string, port: int32, rack: string.nullable() })).tagged(
    0,
    10,
  ),
})

export type ProduceRequest = Decoded<typeof produceRequest>
export type ProduceResponse = Decoded<typeof produceResponse>
