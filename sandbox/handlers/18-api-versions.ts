import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import type { Handler } from '#sandbox/handler.ts'
import type { Request } from '#sandbox/request.ts'

/** ApiVersions 0–4: lists the registered handlers. Features of the cluster (KIP-584) are left out. */
export const apiVersions: Handler = {
  api: apis.apiVersions,
  served: apis.apiVersions.codec,
  handle(request, all) {
    if (request.version >= 3 && !namesItsSoftware(request)) {
      return request.respond(apiVersionsResponse, { errorCode: Errors.INVALID_REQUEST })
    }
    const apiKeys = all.map(({ api, served, listed = served }) => ({
      apiKey: api.key,
      minVersion: listed.min,
      maxVersion: listed.max,
    }))
    request.respond(apiVersionsResponse, { apiKeys })
  },
}

/** KIP-511: what else stands there is refused. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

function namesItsSoftware({ body, version }: Request): boolean {
  const { clientSoftwareName, clientSoftwareVersion } = apiVersionsRequest.decode(body, version)
  return SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion)
}

/** In the bytes of version 0, with the range of ApiVersions alone (KIP-511). */
export function refuseApiVersions(request: Request): void {
  const { key, codec } = apis.apiVersions
  const apiKeys = [{ apiKey: key, minVersion: codec.min, maxVersion: codec.max }]
  request.respond(apiVersionsResponse, { errorCode: Errors.UNSUPPORTED_VERSION, apiKeys }, 0)
}
