import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Request } from '#gateway/request.ts'
import type { TopicAnswer } from '#gateway/topics.ts'
import type { View } from '#gateway/virtual-brokers.ts'
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

const LEADER_NOT_AVAILABLE = 5

type Leaders = (partition: number) => number

/** Encoded topics, so that a thousand clients asking for all of them cost one encoding. */
export class MetadataBlobs {
  /** By what clients are shown: leaders change with it. */
  readonly #byView = new WeakMap<View, Map<string, { partitions: number; bytes: Buffer }>>()

  get(view: View, key: string, partitions: number): Buffer | null {
    const found = this.#byView.get(view)?.get(key)
    return found?.partitions === partitions ? found.bytes : null
  }

  keep(view: View, key: string, partitions: number, bytes: Buffer): void {
    let encoded = this.#byView.get(view)
    if (!encoded) this.#byView.set(view, (encoded = new Map()))
    if (encoded.size >= KEPT) encoded.clear()
    encoded.set(key, { partitions, bytes })
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
  const { view } = virtual
  const parts = refused.map((topic) => encodeTopic(version, topic))
  let encoded = 0
  for (const [name, answer] of topics) {
    const leaders = answer.cluster === null ? null : view.leadersOf(answer.cluster, name)
    const errorCode = answer.errorCode || (leaders ? 0 : LEADER_NOT_AVAILABLE)
    if (errorCode !== 0 || !leaders) {
      parts.push(encodeTopic(version, { errorCode, name }))
      continue
    }
    const key = `${VERSION_CLASS[version]} ${answer.cluster} ${name}`
    let bytes = worker.blobs.get(view, key, answer.partitions)
    if (!bytes) {
      bytes = encodeTopic(version, describe(name, answer.partitions, leaders))
      worker.blobs.keep(view, key, answer.partitions, bytes)
      encoded += answer.partitions
    }
    parts.push(bytes)
    if (encoded < SLICE) continue
    encoded = 0
    await nextTurn()
  }
  request.respond(assemble(request, view, parts))
}

/** The answer without topics, cut open where they belong. */
function assemble(request: Request, view: View, topics: readonly Buffer[]): Buffer {
  const { version, header, connection } = request
  const { worker } = connection
  const frame = encodeResponse(apis.metadata, metadataResponse, version, header.correlationId, {
    brokers: view.brokers.map(({ id, host, port }) => ({ nodeId: id, host, port, rack: worker.zone })),
    clusterId: worker.clusterId,
    controllerId: view.brokers[0]?.id ?? -1,
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

function describe(name: string, partitions: number, leaders: Leaders): DescribedTopic {
  return {
    errorCode: 0,
    name,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => {
      const leaderId = leaders(partitionIndex)
      return { partitionIndex, leaderId, leaderEpoch: -1, replicaNodes: [leaderId], isrNodes: [leaderId] }
    }),
  }
}
