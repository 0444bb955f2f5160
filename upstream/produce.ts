import { apis } from '#protocol/apis.ts'
import {
  type Addressed,
  encodeProduceRequest,
  type ProduceResult,
  readProduceResponse,
} from '#protocol/produce-wire.ts'
import type { UpstreamConnection } from '#upstream/connection.ts'

export interface ProduceCall<B extends Addressed> {
  acks: 1 | -1
  timeoutMs: number
  /** The batches by topic, each partition at most once. */
  byTopic: ReadonlyMap<string, readonly B[]>
}

export interface ProduceWaiter<B> {
  /** @param throttleMs how long the broker asks us to send nothing (KIP-219) */
  answered(results: Map<B, ProduceResult>, throttleMs: number): void
  failed(error: Error): void
}

/** Sends one Produce request. Answers are matched by topic and partition: brokers keep no order among them. */
export function produce<B extends Addressed>(
  connection: UpstreamConnection,
  { acks, timeoutMs, byTopic }: ProduceCall<B>,
  waiter: ProduceWaiter<B>,
): void {
  const version = connection.versionOf(apis.produce)
  const correlationId = connection.nextCorrelationId()
  const header = { correlationId, clientId: connection.options.clientId }
  const pieces = encodeProduceRequest(version, header, acks, timeoutMs, byTopic)
  connection.send(pieces, correlationId, {
    failed: waiter.failed,
    answered(frame) {
      const results = new Map<B, ProduceResult>()
      const throttleMs = readProduceResponse(frame, version, (topic, index, result) => {
        const batch = byTopic.get(topic)?.find((candidate) => candidate.index === index)
        if (batch) results.set(batch, result)
      })
      waiter.answered(results, throttleMs)
    },
  })
}
