import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import { encodeResponse } from '#protocol/header.ts'
import { produceResponse } from '#protocol/messages/00-produce.ts'
import { type AnsweredPartition, encodeProduceResponse } from '#protocol/produce-wire.ts'
import type { Input } from '#protocol/schema.ts'
import type { Request } from '#sandbox/request.ts'

interface AnsweredTopic {
  name: string
  partitions: AnsweredPartition[]
}

/** From here on error 6 names the leader and where it is (KIP-951). */
const NAMES_LEADERS = 10

/** A whole response frame, length prefix included. */
export function encodeAnswer(request: Request, topics: AnsweredTopic[]): Buffer {
  const { version, correlationId, cluster } = request
  const { throttleMs } = cluster.faults
  if (version < NAMES_LEADERS || !topics.some(hasMoved)) {
    return encodeProduceResponse(version, correlationId, topics, throttleMs)
  }
  const body = {
    responses: topics.map((topic) => withLeaders(request, topic)),
    throttleTimeMs: throttleMs,
    nodeEndpoints: endpoints(request, topics),
  }
  return encodeResponse(apis.produce, produceResponse, version, correlationId, body)
}

function hasMoved({ partitions }: AnsweredTopic): boolean {
  return partitions.some(({ errorCode }) => errorCode === Errors.NOT_LEADER_OR_FOLLOWER)
}

function withLeaders({ cluster }: Request, { name, partitions }: AnsweredTopic) {
  return {
    name,
    partitionResponses: partitions.map((answer) => {
      const partition = cluster.partition(name, answer.index)
      const hasLeft = answer.errorCode === Errors.NOT_LEADER_OR_FOLLOWER && partition
      return {
        index: answer.index,
        errorCode: answer.errorCode,
        baseOffset: BigInt(answer.baseOffset),
        logAppendTimeMs: BigInt(answer.logAppendTimeMs),
        logStartOffset: BigInt(answer.logStartOffset),
        recordErrors: (answer.recordErrors ?? []).map(({ batchIndex, message }) => ({
          batchIndex,
          batchIndexErrorMessage: message,
        })),
        errorMessage: answer.errorMessage,
        ...(hasLeft && {
          currentLeader: { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch },
        }),
      }
    }),
  }
}

function endpoints({ cluster }: Request, topics: AnsweredTopic[]): Input<{ nodeId: number }>[] {
  const leaders = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode === Errors.NOT_LEADER_OR_FOLLOWER)
      .map(({ index }) => cluster.partition(name, index)?.leader ?? -1),
  )
  return cluster.live
    .filter(({ id }) => leaders.includes(id))
    .map(({ id, host, port }) => ({ nodeId: id, host, port, rack: null }))
}
