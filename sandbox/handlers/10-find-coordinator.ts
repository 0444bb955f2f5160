import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import { findCoordinatorRequest, findCoordinatorResponse } from '#protocol/messages/10-find-coordinator.ts'
import type { Handler } from '#sandbox/handler.ts'

/** Internal topic by key_type, with Kafka's 50 partitions. The first question creates it, as in Kafka. */
const INTERNAL_TOPICS = ['__consumer_offsets', '__transaction_state']
const PARTITIONS = 50

/**
 * FindCoordinator 0–3: the broker that was asked names itself. Neither groups nor transactions are served, so
 * there is nothing to coordinate; clients that only ask for it (librdkafka) are content.
 */
export const findCoordinator: Handler = {
  api: apis.findCoordinator,
  served: apis.findCoordinator.codec,
  handle(request) {
    const { keyType } = findCoordinatorRequest.decode(request.body, request.version)
    const topic = INTERNAL_TOPICS[keyType]
    if (topic === undefined) {
      const errorCode = Errors.INVALID_REQUEST
      return request.respond(findCoordinatorResponse, { errorCode, nodeId: -1, port: -1 })
    }
    const { cluster } = request
    if (!cluster.topics.has(topic)) cluster.createTopic({ topic, partitions: PARTITIONS })
    const { id, host, port } = request.broker
    request.respond(findCoordinatorResponse, { errorMessage: 'NONE', nodeId: id, host, port })
  },
}
