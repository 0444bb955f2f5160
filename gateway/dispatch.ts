import type { ClientConnection } from '#gateway/connection.ts'
import { handleProduce } from '#gateway/handlers/00-produce.ts'
import { handleFetch } from '#gateway/handlers/01-fetch.ts'
import { handleListOffsets } from '#gateway/handlers/02-list-offsets.ts'
import { handleMetadata } from '#gateway/handlers/03-metadata.ts'
import { handleFindCoordinator } from '#gateway/handlers/10-find-coordinator.ts'
import { handleApiVersions, refuseApiVersions } from '#gateway/handlers/18-api-versions.ts'
import { handleInitProducerId } from '#gateway/handlers/22-init-producer-id.ts'
import { Request } from '#gateway/request.ts'
import { labelOf, RequestReader } from '#gateway/request-reader.ts'
import { heldBytes } from '#gateway/slabs.ts'
import { apis, findApi } from '#protocol/apis.ts'
import { finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { ProtocolError } from '#protocol/reader.ts'

type Handler = (request: Request) => void

const handlers = new Map<number, Handler>([
  [apis.produce.key, handleProduce],
  [apis.fetch.key, handleFetch],
  [apis.listOffsets.key, handleListOffsets],
  [apis.metadata.key, handleMetadata],
  [apis.findCoordinator.key, handleFindCoordinator],
  [apis.apiVersions.key, handleApiVersions],
  [apis.initProducerId.key, handleInitProducerId],
])

/**
 * Hands a whole frame to the handler of its API. What nobody serves closes the connection, as Kafka does:
 * once everything before it is answered.
 */
export function dispatch(
  connection: ClientConnection,
  frame: Buffer,
  times: { firstByteAt: number; wholeAt: number },
): void {
  let request: Request | undefined
  try {
    const body = new RequestReader(frame)
    const header = readRequestHeader(body, connection.clientId)
    const clientId = header.clientId && labelOf(header.clientId)
    if (!connection.slot || clientId !== connection.clientId)
      connection.worker.clients.introduce(connection, clientId)
    const api = findApi(header.apiKey)
    const handler = api && handlers.get(api.key)
    if (!api?.listed || !handler) {
      connection.letGo(heldBytes(frame))
      return connection.refuse('unsupported_api', `API key ${header.apiKey} version ${header.apiVersion}`)
    }
    connection.worker.counters.request(api, header.apiVersion)
    request = new Request(connection, api, header, body, times)
    connection.answers.expect(request)
    if (header.apiVersion < api.served || header.apiVersion > api.listed.max) {
      if (api.key === apis.apiVersions.key) return refuseApiVersions(request)
      const range = `${api.served} to ${api.listed.max}`
      request.finishSilently()
      return connection.refuse('unsupported_version', `${api.name} ${header.apiVersion}, served are ${range}`)
    }
    finishRequestHeader(body, api, header.apiVersion)
    handler(request)
  } catch (error) {
    if (request?.outcome === 'open') request.finishSilently()
    else if (!request) connection.letGo(heldBytes(frame))
    if (error instanceof ProtocolError) connection.refuse('bad_request', error.message)
    else connection.close('internal_error', (error as Error).stack)
  }
}
