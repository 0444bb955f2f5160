import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import { initProducerIdRequest, initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'
import type { Handler } from '#sandbox/handler.ts'

const NONE = -1n

/**
 * InitProducerId 0–5: a new id, epoch 0, whatever the producer had before. Ids begin at 0 in every cluster,
 * as in Kafka. Transactions are left out: a transactional.id is refused with 53.
 */
export const initProducerId: Handler = {
  api: apis.initProducerId,
  served: apis.initProducerId.codec,
  handle(request) {
    const body = initProducerIdRequest.decode(request.body, request.version)
    const errorCode = refusalOf(body)
    if (errorCode !== Errors.NONE) {
      return request.respond(initProducerIdResponse, { errorCode, producerEpoch: -1 })
    }
    request.respond(initProducerIdResponse, { producerId: request.cluster.newProducerId() })
  },
}

function refusalOf(body: ReturnType<typeof initProducerIdRequest.decode>): number {
  const { transactionalId, producerId, producerEpoch } = body
  if ((producerId === NONE) !== (producerEpoch === -1)) return Errors.INVALID_REQUEST
  if (transactionalId === '') return Errors.INVALID_REQUEST
  return transactionalId === null ? Errors.NONE : Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
}
