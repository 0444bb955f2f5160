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
  /** The same, in that order. */
  batches: readonly B[]
}

export interface ProduceWaiter {
  /**
   * @param results in the order of the batches; null where the broker gave none
   * @param throttleMs how long the broker asks us to send nothing (KIP-219)
   */
  answered(results: (ProduceResult | null)[], throttleMs: number): void
  failed(error: Error): void
}

/** Sends one Produce request. Answers are matched by topic and partition: brokers keep no order among them. */
export function produce<B extends Addressed>(
  connection: UpstreamConnection,
  { acks, timeoutMs, byTopic, batches }: ProduceCall<B>,
  waiter: ProduceWaiter,
): void {
  const version = connection.versionOf(apis.produce)
  const correlationId = connection.nextCorrelationId()
  const header = { correlationId, clientId: connection.options.clientId }
  const pieces = encodeProduceRequest(version, header, acks, timeoutMs, byTopic)
  connection.send(pieces, correlationId, {
    failed: waiter.failed,
    answered(frame) {
      const results = new Array<ProduceResult | null>(batches.length).fill(null)
      let last = -1
      const throttleMs = readProduceResponse(frame, version, (topic, index, result) => {
        const place = placeOf(batches, topic, index, last + 1)
        if (place >= 0) results[(last = place)] = result
      })
      waiter.answered(results, throttleMs)
    },
  })
}

/** @param from where it is looked for first: mostly the order is kept after all */
function placeOf(batches: readonly Addressed[], topic: string, index: number, from: number): number {
  for (let i = 0; i < batches.length; i++) {
    const place = (from + i) % batches.length
    const batch = batches[place]!
    if (batch.index === index && batch.topic === topic) return place
  }
  return -1
}
