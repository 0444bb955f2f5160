import assert from 'node:assert/strict'
import { apis, responseHeaderVersion } from '#protocol/apis.ts'
import { encodeRequest, encodeResponse } from '#protocol/header.ts'
import {
  type ProduceRequest,
  type ProduceResponse,
  produceRequest,
  produceResponse,
} from '#protocol/messages/00-produce.ts'
import {
  type AnsweredPartition,
  encodeProduceRequest,
  encodeProduceResponse,
  type ProduceBody,
  readProduceRequest,
  readProduceResponse,
} from '#protocol/produce-wire.ts'
import { ProtocolError, Reader } from '#protocol/reader.ts'
import { attempt, countElements } from '#test/fuzz/bounds.ts'
import { fixture } from '#test/fuzz/fixtures.ts'
import { anyVersion } from '#test/fuzz/messages.ts'
import type { Target } from '#test/fuzz/target.ts'
import { bytesFor } from '#test/fuzz/target-messages.ts'
import type { Random } from '#test/simulation/random.ts'

/** The decoder of the hot path and the grammar take the same bytes, or both refuse them. */
export function produceRequestTarget(read = readProduceRequest): Target {
  return {
    name: 'produce request by hand',
    weight: 4,
    run(random, note) {
      const version = anyVersion(apis.produce, random)
      const bytes = random.chance(0.2)
        ? fixture(produceRequest, version, random).bytes
        : bytesFor(produceRequest, version, random)
      note(`version ${version}`, bytes)
      const [byHand, byGrammar] = [new Reader(bytes), new Reader(bytes)]
      const mine = attempt(bytes.length, () => read(byHand, version))
      const theirs = attempt(bytes.length, () => produceRequest.decode(byGrammar, version))
      assert.deepStrictEqual(mine?.value, theirs ? asBody(theirs.value) : undefined)
      if (!mine) return
      assert.equal(byHand.position, byGrammar.position, 'they end at different bytes')
      assert.ok(countElements(mine.value, bytes) <= bytes.length)
    },
  }
}

function asBody({ transactionalId, acks, timeoutMs, topicData }: ProduceRequest): ProduceBody {
  const topics = topicData.map(({ name, partitionData }) => ({
    name,
    partitions: partitionData.map(({ index, records }) => ({ index, records })),
  }))
  return { transactionalId, acks, timeoutMs, topics }
}

interface Answer extends AnsweredPartition {
  topic: string
}

export const produceResponseTarget: Target = {
  name: 'produce response by hand',
  weight: 4,
  run(random, note) {
    const version = anyVersion(apis.produce, random)
    const body = random.chance(0.2)
      ? fixture(produceResponse, version, random).bytes
      : bytesFor(produceResponse, version, random)
    const tags = responseHeaderVersion(apis.produce, version)
    const frame = Buffer.concat([Buffer.alloc(4 + tags), body])
    note(`version ${version}`, frame)
    const answers: Answer[] = []
    const mine = attempt(frame.length, () =>
      readProduceResponse(frame, version, (topic, index, result) =>
        answers.push({ topic, index, ...result }),
      ),
    )
    assert.ok(answers.length <= frame.length)
    const theirs = byGrammar(body, version)
    // Only the grammar looks into these: nobody needs where the real brokers are.
    if (theirs.refusal && /currentLeader|nodeEndpoints/.test(theirs.refusal)) return
    assert.equal(mine !== null, theirs.value !== undefined, theirs.refusal ?? 'only the grammar takes it')
    if (!mine) return
    assert.equal(mine.value, theirs.value!.throttleTimeMs)
    assert.deepStrictEqual(answers, asAnswers(theirs.value!))
  },
}

function byGrammar(body: Buffer, version: number): { value?: ProduceResponse; refusal?: string } {
  try {
    return { value: produceResponse.decode(new Reader(body), version) }
  } catch (error) {
    if (error instanceof ProtocolError) return { refusal: error.message }
    throw error
  }
}

function asAnswers({ responses }: ProduceResponse): Answer[] {
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map((partition) => ({
      topic: name,
      index: partition.index,
      errorCode: partition.errorCode,
      baseOffset: Number(partition.baseOffset),
      logAppendTimeMs: Number(partition.logAppendTimeMs),
      logStartOffset: Number(partition.logStartOffset),
      recordErrors:
        partition.recordErrors.length === 0
          ? null
          : partition.recordErrors.map(({ batchIndex, batchIndexErrorMessage: message }) => ({
              batchIndex,
              message,
            })),
      errorMessage: partition.errorMessage,
    })),
  )
}

/** What the hot path writes is, byte for byte, what the grammar writes. */
export const produceWriterTarget: Target = {
  name: 'produce writers',
  weight: 2,
  run(random, note) {
    const version = anyVersion(apis.produce, random)
    note(`version ${version}`)
    checkRequestWriter(version, random)
    checkResponseWriter(version, random)
  },
}

function checkRequestWriter(version: number, random: Random): void {
  const { value } = fixture(produceRequest, version, random)
  const acks = random.pick([1, -1])
  const topicData = value.topicData
    .filter(({ name }, i) => value.topicData.findIndex((other) => other.name === name) === i)
    .map(({ name, partitionData }) => ({
      name,
      partitionData: partitionData.map(({ index, records }) => ({
        index,
        records: records ?? Buffer.alloc(0),
      })),
    }))
  const groups = new Map(
    topicData.map(({ name, partitionData }) => [
      name,
      partitionData.map(({ index, records }) => ({ topic: name, index, bytes: records })),
    ]),
  )
  const { timeoutMs } = value
  const header = { correlationId: random.whole(0, 2 ** 31 - 1), clientId: 'sluice' }
  const pieces = encodeProduceRequest(version, header, acks, timeoutMs, groups)
  const body = { transactionalId: null, acks, timeoutMs, topicData }
  const expected = encodeRequest(apis.produce, produceRequest, { apiVersion: version, ...header }, body)
  assert.deepStrictEqual(Buffer.concat(pieces), expected)
}

function checkResponseWriter(version: number, random: Random): void {
  const { value } = fixture(produceResponse, version, random)
  const responses = value.responses.map(({ name, partitionResponses }) => ({
    name,
    partitionResponses: partitionResponses.map(({ unknownTags: _, currentLeader: __, ...partition }) => ({
      ...partition,
      baseOffset: anyOffset(random),
      logAppendTimeMs: anyOffset(random),
      logStartOffset: anyOffset(random),
      recordErrors: partition.recordErrors.map(({ unknownTags: _, ...error }) => error),
    })),
  }))
  const { throttleTimeMs } = value
  const correlationId = random.whole(0, 2 ** 31 - 1)
  const expected = encodeResponse(apis.produce, produceResponse, version, correlationId, {
    responses,
    throttleTimeMs,
  })
  const answers = asAnswers({ responses, throttleTimeMs } as ProduceResponse)
  const topics = responses.map(({ name, partitionResponses }) => ({
    name,
    partitions: partitionResponses.map(() => answers.shift()!),
  }))
  assert.deepStrictEqual(encodeProduceResponse(version, correlationId, topics, throttleTimeMs), expected)
}

/** As large as a number can hold exactly. */
function anyOffset(random: Random): bigint {
  return BigInt(random.pick([-1, 0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, random.whole(0, 2 ** 53 - 1)]))
}
