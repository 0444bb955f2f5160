import { randomBytes } from 'node:crypto'
import type { Request } from '#gateway/request.ts'
import { initProducerIdRequest, initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'

/**
 * Answered here: 2^62 plus 62 random bits, epoch 0. Brokers never check that they handed an id out
 * (kafka.md §2.1), and their own counters start at 0, so such an id is good on every cluster and through
 * every node, without shared state.
 */

const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53

export function handleInitProducerId(request: Request): void {
  const { transactionalId } = initProducerIdRequest.decode(request.body, request.version)
  if (transactionalId !== null) {
    return request.respondWith(initProducerIdResponse, {
      errorCode: TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      producerId: -1n,
      producerEpoch: -1,
    })
  }
  request.respondWith(initProducerIdResponse, { producerId: newProducerId(), producerEpoch: 0 })
}

export function newProducerId(): bigint {
  return (1n << 62n) | (randomBytes(8).readBigUInt64BE() >> 2n)
}
