import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Request } from '#gateway/request.ts'
import type { TopicAnswer } from '#gateway/topics.ts'
import type { VirtualCluster } from '#gateway/virtual-brokers.ts'
import { apis } from '#protocol/apis.ts'
import { encodeResponse } from '#protocol/header.ts'
import { type MetadataResponse, metadataResponse, metadataTopic } from '#protocol/messages/03-metadata.ts'
import type { Input } from '#protocol/schema.ts'
import { Writer } from '#protocol/writer.ts'

export type DescribedTopic = Input<MetadataResponse['topics'][number]>

/** Partitions encoded in one turn of the event loop: about a millisecond's work. */
const SLICE = 1000
/** Encoded topics kept; all are let go beyond it. */
const KEPT = 50_000

/** Versions whose topics have the same bytes, by the first of them. */
const VERSION_CLASS = [0, 1, 1, 1, 1, 5, 5, 7, 8, 9, 10, 10, 10]

interface Encoded {
  partitions: number
  leaderId: number
  bytes: Buffer
}

/** Encoded topics, so that a thousand clients asking for all of them cost one encoding. */
export class MetadataBlobs {
  readonly #encoded = new Map<string, Encoded>()

  get(version: number, name: string, partitions: number, leaderId: number): Buffer | null {
    const found = this.#encoded.get(`${VERSION_CLASS[version]} ${name}`)
    return found?.partitions === partitions && found.leaderId === leaderId ? found.bytes : null
  }

  encode(version: number, name: string, partitions: number, leaderId: number): Buffer {
    const bytes = encodeTopic(version, describe(name, partitions, leaderId))
    if (this.#encoded.size >= KEPT) this.#encoded.clear()
    this.#encoded.set(`${VERSION_CLASS[version]} ${name}`, { partitions, leaderId, bytes })
    return bytes
  }
}

/**
 * Answers a Metadata request. Large answers are encoded in slices, so that none of them holds up the batches
 * of others.
 *
 * @param refused topics that are not described by the map, as they are
 */
export async function answerMetadata(
  request: Request,
  topics: readonly [string, TopicAnswer][],
  refused: readonly DescribedTopic[],
): Promise<void> {
  const { virtual, worker } = request.connection
  const { version } = request
  const parts = refused.map((topic) => encodeTopic(version, topic))
  let encoded = 0
  for (const [name, answer] of topics) {
    const leaderId = answer.cluster === null ? -1 : virtual.leaderOf(answer.cluster)
    if (answer.errorCode !== 0) {
      parts.push(encodeTopic(version, { errorCode: answer.errorCode, name }))
      continue
    }
    const kept = worker.blobs.get(version, name, answer.partitions, leaderId)
    parts.push(kept ?? worker.blobs.encode(version, name, answer.partitions, leaderId))
    encoded += kept ? 0 : answer.partitions
    if (encoded < SLICE) continue
    encoded = 0
    await nextTurn()
  }
  request.respond(assemble(request, virtual, parts))
}

/** The answer without topics, cut open where they belong. */
function assemble(request: Request, virtual: VirtualCluster, topics: readonly Buffer[]): Buffer {
  const { version, header, connection } = request
  const { worker } = connection
  const frame = encodeResponse(apis.metadata, metadataResponse, version, header.correlationId, {
    brokers: virtual.brokers.map(({ id, host, port }) => ({ nodeId: id, host, port, rack: worker.zone })),
    clusterId: worker.clusterId,
    controllerId: virtual.brokers[0]?.id ?? -1,
    topics: [],
  })
  const flexible = version >= apis.metadata.flexibleFrom
  const authorized = version >= 8 && version <= 10 ? 4 : 0
  const tail = frame.length - authorized - (flexible ? 1 : 0)
  const count = new Writer(8)
  count.arrayLength(topics.length, flexible)
  const head = frame.subarray(0, tail - (flexible ? 1 : 4))
  const whole = Buffer.concat([head, count.bytes(), ...topics, frame.subarray(tail)])
  whole.writeInt32BE(whole.length - 4, 0)
  return whole
}

function encodeTopic(version: number, topic: DescribedTopic): Buffer {
  const writer = new Writer(64 + (topic.partitions?.length ?? 0) * 40)
  type Whole = MetadataResponse['topics'][number]
  metadataTopic.codec.write(writer, topic as Whole, version, version >= apis.metadata.flexibleFrom)
  return writer.bytes()
}

function describe(name: string, partitions: number, leaderId: number): DescribedTopic {
  return {
    errorCode: 0,
    name,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      leaderId,
      leaderEpoch: -1,
      replicaNodes: [leaderId],
      isrNodes: [leaderId],
    })),
  }
}
