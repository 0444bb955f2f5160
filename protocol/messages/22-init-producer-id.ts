import { apis } from '#protocol/apis.ts'
import { type Decoded, int16, int32, int64, message, string } from '#protocol/schema.ts'

/**
 * InitProducerId, versions 0 to 5 (KIP-98).
 *
 * 1 the answer leaves before throttling (KIP-219) · 2 compact lengths and tagged fields (KIP-482)
 * 3 producer_id and producer_epoch of before, to go on after an error (KIP-360)
 * 4 PRODUCER_FENCED may come (KIP-588) · 5 TRANSACTION_ABORTABLE may come (KIP-890)
 *
 * Left out, transactional_id is the empty text, as in Kafka's own classes; who has none must give null.
 */
export const initProducerIdRequest = message(apis.initProducerId.flexibleFrom, {
  transactionalId: string.nullable().or(''),
  transactionTimeoutMs: int32,
  producerId: int64.or(-1n).since(3),
  producerEpoch: int16.or(-1).since(3),
})

export const initProducerIdResponse = message(apis.initProducerId.flexibleFrom, {
  throttleTimeMs: int32,
  errorCode: int16,
  producerId: int64.or(-1n),
  producerEpoch: int16,
})

export type InitProducerIdRequest = Decoded<typeof initProducerIdRequest>
export type InitProducerIdResponse = Decoded<typeof initProducerIdResponse>
