import { type Api, apis } from '#protocol/apis.ts'
import { produceRequest, produceResponse } from '#protocol/messages/00-produce.ts'
import { fetchRequest, fetchResponse } from '#protocol/messages/01-fetch.ts'
import { listOffsetsRequest, listOffsetsResponse } from '#protocol/messages/02-list-offsets.ts'
import { metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { findCoordinatorRequest, findCoordinatorResponse } from '#protocol/messages/10-find-coordinator.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { createTopicsRequest, createTopicsResponse } from '#protocol/messages/19-create-topics.ts'
import { initProducerIdRequest, initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'
import type { Message } from '#protocol/schema.ts'
import type { Random } from '#test/simulation/random.ts'

export interface Codec {
  api: Api
  request: Message<any>
  response: Message<any>
}

/** Every message that protocol/ can read. */
export const codecs: readonly Codec[] = [
  { api: apis.produce, request: produceRequest, response: produceResponse },
  { api: apis.fetch, request: fetchRequest, response: fetchResponse },
  { api: apis.listOffsets, request: listOffsetsRequest, response: listOffsetsResponse },
  { api: apis.metadata, request: metadataRequest, response: metadataResponse },
  { api: apis.findCoordinator, request: findCoordinatorRequest, response: findCoordinatorResponse },
  { api: apis.apiVersions, request: apiVersionsRequest, response: apiVersionsResponse },
  { api: apis.createTopics, request: createTopicsRequest, response: createTopicsResponse },
  { api: apis.initProducerId, request: initProducerIdRequest, response: initProducerIdResponse },
]

export function anyVersion({ codec }: Api, random: Random): number {
  return random.whole(codec.min, codec.max)
}
