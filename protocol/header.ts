import { type Api, requestHeaderVersion, responseHeaderVersion } from '#protocol/apis.ts'
import { Reader } from '#protocol/reader.ts'
import type { Input, Message } from '#protocol/schema.ts'
import { Writer } from '#protocol/writer.ts'

/**
 * Request header:  api_key int16 · api_version int16 · correlation_id int32 · client_id nullable string
 *                  · [v2: tags]
 * Response header: correlation_id int32 · [v1: tags]
 *
 * client_id keeps its int16 length even in the flexible header, so that a broker can read it before it knows
 * the version (KIP-482).
 */
export interface RequestHeader {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
}

/**
 * Reads the part that every version of every API shares; `finishRequestHeader` reads the rest.
 *
 * @param clientId what it probably is: the one of the request before
 */
export function readRequestHeader(reader: Reader, clientId: string | null = null): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.nullableString(false, clientId),
  }
}

export function finishRequestHeader(reader: Reader, api: Api, version: number): void {
  if (requestHeaderVersion(api, version) === 2) reader.skipTags()
}

/** A whole request frame, length prefix included. */
export function encodeRequest<T>(
  api: Api,
  message: Message<T>,
  header: Omit<RequestHeader, 'apiKey'>,
  body: Input<T>,
): Buffer {
  const writer = new Writer()
  writer.int32(0)
  writer.int16(api.key)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  writer.nullableString(header.clientId, false)
  if (requestHeaderVersion(api, header.apiVersion) === 2) writer.emptyTags()
  message.encode(writer, body, header.apiVersion)
  return finishFrame(writer)
}

/** A whole response frame, length prefix included. */
export function encodeResponse<T>(
  api: Api,
  message: Message<T>,
  version: number,
  correlationId: number,
  body: Input<T>,
): Buffer {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  if (responseHeaderVersion(api, version) === 1) writer.emptyTags()
  message.encode(writer, body, version)
  return finishFrame(writer)
}

/** @param frame without its length prefix */
export function decodeResponse<T>(api: Api, message: Message<T>, version: number, frame: Buffer): T {
  const reader = new Reader(frame, 4)
  if (responseHeaderVersion(api, version) === 1) reader.skipTags()
  return message.decode(reader, version)
}

/** Writes the length of what follows the first four bytes into them. */
export function finishFrame(writer: Writer): Buffer {
  const frame = writer.bytes()
  frame.writeInt32BE(frame.length - 4, 0)
  return frame
}
