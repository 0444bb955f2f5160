import type { Request } from '#gateway/request.ts'
import { fetchRequest, fetchResponse } from '#protocol/messages/01-fetch.ts'

/**
 * Refused politely: consumers are not served. Fetch must be listed all the same, because librdkafka derives
 * the message format (Fetch 4) and zstd (Fetch 10) from it.
 */

const TOPIC_AUTHORIZATION_FAILED = 29

export function handleFetch(request: Request): void {
  const { topics } = fetchRequest.decode(request.body, request.version)
  request.respondWith(fetchResponse, {
    responses: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        highWatermark: -1n,
        lastStableOffset: -1n,
        abortedTransactions: null,
        records: Buffer.alloc(0),
      })),
    })),
  })
}
