import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import {
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  listOffsetsRequest,
  listOffsetsResponse,
} from '#protocol/messages/02-list-offsets.ts'
import { AT } from '#sandbox/batch-header.ts'
import type { Handler } from '#sandbox/handler.ts'
import { accessError, type Partition } from '#sandbox/partition.ts'
import type { Request } from '#sandbox/request.ts'

type AskedPartition = ListOffsetsRequest['topics'][number]['partitions'][number]
type AnsweredPartition = ListOffsetsResponse['topics'][number]['partitions'][number]

const LATEST = -1n
const EARLIEST = -2n

/**
 * ListOffsets 1–5. The end is the high watermark. A time is looked up batch by batch, records are not opened:
 * the answer is the first offset of the first batch whose newest record is not older.
 */
export const listOffsets: Handler = {
  api: apis.listOffsets,
  served: apis.listOffsets.codec,
  handle(request) {
    const { topics } = listOffsetsRequest.decode(request.body, request.version)
    request.respond(listOffsetsResponse, {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: answerAll(request, name, partitions),
      })),
    })
  },
}

/** A partition that is listed twice is answered once, with 42. */
function answerAll(request: Request, topic: string, asked: AskedPartition[]): AnsweredPartition[] {
  const answers = new Map<number, AnsweredPartition>()
  for (const partition of asked) {
    const index = partition.partitionIndex
    const isTwice = answers.has(index)
    answers.set(index, isTwice ? failure(index, Errors.INVALID_REQUEST) : answer(request, topic, partition))
  }
  return [...answers.values()]
}

function answer({ cluster, broker }: Request, topic: string, asked: AskedPartition): AnsweredPartition {
  const { partitionIndex, timestamp: wanted, currentLeaderEpoch } = asked
  const partition = cluster.partition(topic, partitionIndex)
  const errorCode = accessError(partition, broker.id, currentLeaderEpoch)
  if (!partition || errorCode) return failure(partitionIndex, errorCode)
  if (wanted < EARLIEST) return failure(partitionIndex, Errors.UNSUPPORTED_VERSION)
  const { timestamp, offset } = find(partition, wanted)
  const leaderEpoch = offset === -1n ? -1 : partition.leaderEpoch
  return { partitionIndex, errorCode, timestamp, offset, leaderEpoch }
}

function failure(partitionIndex: number, errorCode: number): AnsweredPartition {
  return { partitionIndex, errorCode, timestamp: -1n, offset: -1n, leaderEpoch: -1 }
}

function find(partition: Partition, wanted: bigint): { timestamp: bigint; offset: bigint } {
  const { log, highWatermark } = partition
  if (wanted === LATEST) return { timestamp: -1n, offset: BigInt(highWatermark) }
  if (wanted === EARLIEST) return { timestamp: -1n, offset: BigInt(log.startOffset) }
  const batch = log.batches.find(
    ({ bytes, lastOffset }) => lastOffset < highWatermark && bytes.readBigInt64BE(AT.maxTimestamp) >= wanted,
  )
  if (!batch) return { timestamp: -1n, offset: -1n }
  return { timestamp: batch.bytes.readBigInt64BE(AT.baseTimestamp), offset: BigInt(batch.offset) }
}
