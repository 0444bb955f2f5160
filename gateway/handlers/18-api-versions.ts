import type { Request } from '#gateway/request.ts'
import { labelOf } from '#gateway/request-reader.ts'
import { apiList, apis } from '#protocol/apis.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'

/** Answered here, from the one table. Clients may leave it out: kafkajs sends it on its first connection only. */

const UNSUPPORTED_VERSION = 35
const INVALID_REQUEST = 42
/** KIP-511: anything else is refused, since it would stand in metrics and logs. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const listed = apiList
  .filter((api) => api.listed !== null)
  .map((api) => ({ apiKey: api.key, minVersion: api.listed!.min, maxVersion: api.listed!.max }))
const itself = listed.filter(({ apiKey }) => apiKey === apis.apiVersions.key)

export function handleApiVersions(request: Request): void {
  if (request.version >= 3) {
    const body = apiVersionsRequest.decode(request.body, request.version)
    const { clientSoftwareName, clientSoftwareVersion } = body
    if (!SOFTWARE.test(clientSoftwareName) || !SOFTWARE.test(clientSoftwareVersion)) {
      return request.respondWith(apiVersionsResponse, { errorCode: INVALID_REQUEST, apiKeys: [] })
    }
    const { connection } = request
    const software = labelOf(`${clientSoftwareName} ${clientSoftwareVersion}`)
    connection.worker.clients.introduce(connection, connection.clientId, software)
  }
  request.respondWith(apiVersionsResponse, { apiKeys: listed })
}

/**
 * A version we do not speak (v5 of Java 4.4 and franz-go) is answered in the bytes of version 0 with our
 * range, and the client asks again on the same connection (KIP-511, broker-facts.md §2.6).
 */
export function refuseApiVersions(request: Request): void {
  request.respondWith(apiVersionsResponse, { errorCode: UNSUPPORTED_VERSION, apiKeys: itself }, 0)
}
