import { type Api, apis } from '#protocol/apis.ts'
import { encodeResponse, type RequestHeader } from '#protocol/header.ts'
import type { Reader } from '#protocol/reader.ts'
import type { Input, Message } from '#protocol/schema.ts'
import type { Broker } from '#sandbox/broker.ts'
import type { Cluster } from '#sandbox/cluster.ts'
import type { Connection } from '#sandbox/connection.ts'
import type { FaultBatch, Target } from '#sandbox/faults.ts'

/** One request at work, and the ways in which it can end. */
export class Request {
  readonly connection: Connection
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Stands behind the request header. */
  readonly body: Reader
  /** What faults are compared with, where the request carries any. */
  batches: readonly FaultBatch[] = []

  constructor(connection: Connection, api: Api, header: RequestHeader, body: Reader) {
    this.connection = connection
    this.api = api
    this.version = header.apiVersion
    this.correlationId = header.correlationId
    this.clientId = header.clientId
    this.body = body
  }

  get broker(): Broker {
    return this.connection.broker
  }

  get cluster(): Cluster {
    return this.connection.broker.cluster
  }

  get target(): Target {
    const { clientId, batches } = this
    return { broker: this.broker.id, api: this.api.name, clientId, batches }
  }

  respond<T>(message: Message<T>, body: Input<T>, version = this.version): void {
    this.finish(encodeResponse(this.api, message, version, this.correlationId, body))
  }

  /** @param frame the answer, length prefix included; null for none (acks=0) */
  finish(frame: Buffer | null): void {
    const { faults } = this.cluster
    const muteMs = this.api.key === apis.produce.key ? faults.throttleMs : 0
    if (faults.isEmpty) return this.connection.finish(frame, muteMs)
    const { target } = this
    if (faults.strikeRequest('dropAnswer', target)) return this.connection.hang()
    if (faults.strikeRequest('cut', target)) return this.connection.reset()
    const delay = faults.strikeRequest('delay', target)
    if (!delay) return this.connection.finish(frame, muteMs)
    setTimeout(() => this.connection.finish(frame, muteMs), delay.value).unref()
  }
}
