import { finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { Reader } from '#protocol/reader.ts'
import type { Connection } from '#sandbox/connection.ts'
import { refuseApiVersions } from '#sandbox/handlers/18-api-versions.ts'
import { handlers } from '#sandbox/registry.ts'
import { Request } from '#sandbox/request.ts'

const byKey = new Map(handlers.map((handler) => [handler.api.key, handler]))
const API_VERSIONS = 18

/**
 * Hands a frame to its handler. An API or version that is not served closes the connection, as Kafka does;
 * ApiVersions alone is answered in any version (KIP-511).
 * @throws ProtocolError for bytes that cannot be read
 */
export function serve(connection: Connection, frame: Buffer): void {
  const body = new Reader(frame)
  const header = readRequestHeader(body)
  const handler = byKey.get(header.apiKey)
  if (!handler) return connection.close()
  const { api, served } = handler
  connection.broker.count(api.name)
  const request = new Request(connection, api, header, body)
  if (header.apiVersion < served.min || header.apiVersion > served.max) {
    return api.key === API_VERSIONS ? refuseApiVersions(request) : connection.close()
  }
  finishRequestHeader(body, api, header.apiVersion)
  handler.handle(request, handlers)
}
