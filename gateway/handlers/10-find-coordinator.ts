import type { Request } from '#gateway/request.ts'
import { findCoordinatorRequest, findCoordinatorResponse } from '#protocol/messages/10-find-coordinator.ts'

/** Refused politely: no groups (30) and no transactions (53). Listed because librdkafka derives lz4 from it. */

const GROUP_AUTHORIZATION_FAILED = 30
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
const TRANSACTION = 1

export function handleFindCoordinator(request: Request): void {
  const { keyType } = findCoordinatorRequest.decode(request.body, request.version)
  const transaction = keyType === TRANSACTION
  request.respondWith(findCoordinatorResponse, {
    errorCode: transaction ? TRANSACTIONAL_ID_AUTHORIZATION_FAILED : GROUP_AUTHORIZATION_FAILED,
    errorMessage: transaction ? 'transactions are not served' : 'consumer groups are not served',
    nodeId: -1,
    host: '',
    port: -1,
  })
}
