import type { Request } from '#gateway/request.ts'
import { listOffsetsRequest, listOffsetsResponse } from '#protocol/messages/02-list-offsets.ts'

/** Refused politely, like Fetch. */

const TOPIC_AUTHORIZATION_FAILED = 29

export function handleListOffsets(request: Request): void {
  const { topics } = listOffsetsRequest.decode(request.body, request.version)
  request.respondWith(listOffsetsResponse, {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        timestamp: -1n,
        offset: -1n,
      })),
    })),
  })
}
