import { apis } from '#protocol/apis.ts'
import { Errors } from '#protocol/errors.ts'
import { type ProduceBody, readProduceRequest } from '#protocol/produce-wire.ts'
import { appendBatch } from '#sandbox/append.ts'
import { hasProducerId, isTransactional, producerIdOf } from '#sandbox/batch-header.ts'
import type { FaultBatch, Target } from '#sandbox/faults.ts'
import type { Handler } from '#sandbox/handler.ts'
import { accessError, type Partition } from '#sandbox/partition.ts'
import { encodeAnswer } from '#sandbox/produce-answer.ts'
import { Entries, type Entry } from '#sandbox/produce-entries.ts'
import { checkProducers, hasTransactionalBatch } from '#sandbox/record-fields.ts'
import { Refusal, refused } from '#sandbox/refusal.ts'
import { afterReplication } from '#sandbox/replication.ts'
import type { Request } from '#sandbox/request.ts'

/**
 * Produce 3–12; listed from 0, as Kafka 4 does, and closed on 0 to 2. In the broker's order:
 *
 *   1 the request is read                     null topic, bad lengths: the connection is closed
 *   2 transactional bit without an id         53 for ALL; first batches that are no batches: ALL 2 or −1
 *   3 per partition: known, one batch of v2   3, 2, 87, 76; of two entries for one partition the last counts
 *   4 null records                            no answer, for ever; two transactional producers: ALL 49
 *   5 acks                                    21
 *   6 per partition: leader, replicas, batch  17, 6, 19, then append.ts
 *   7 acks=all waits for the replicas         7 with the offset at TimeoutMs, 6 when the leader moves
 *
 * acks=0 is not answered; any error closes its connection. Transactions are left out: step 6 refuses their
 * batches with 49, as brokers do for an id they do not know.
 */
export const produce: Handler = {
  api: apis.produce,
  served: apis.produce.codec,
  listed: { min: 0, max: apis.produce.codec.max },
  handle(request) {
    const body = readProduceRequest(request.body, request.version)
    countBatches(request, body)
    try {
      run(request, body)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuseAll(request, body, error)
    }
  },
}

function countBatches(request: Request, { topics }: ProduceBody): void {
  const { counters } = request.broker
  counters.produceRequests++
  for (const { partitions } of topics) counters.batches += partitions.length
}

/** A broker that meets null records on the way to this answer gives none. */
function refuseAll(request: Request, body: ProduceBody, refusal: Refusal): void {
  const isNull = body.topics.some(({ partitions }) => partitions.some(({ records }) => records === null))
  if (isNull) return request.connection.hang()
  finish(request, body, Entries.allRefused(body, refusal))
}

/** @throws Refusal of the whole request */
function run(request: Request, body: ProduceBody): void {
  if (hasTransactionalBatch(body) && body.transactionalId === null) {
    throw new Refusal(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  }
  const entries = new Entries(request, body)
  const { accepted } = entries
  if (accepted.some(({ records }) => records === null)) return request.connection.hang()
  checkProducers(accepted.map(({ records }) => records!))
  const { faults } = request.cluster
  if (!faults.isEmpty) request.batches = accepted.map(toFaultBatch)
  const target = faults.isEmpty ? null : request.target
  for (const entry of accepted) append(request, body, entry, target)
  if (body.acks !== -1) return finish(request, body, entries)
  afterReplication(accepted, body.timeoutMs, () => finish(request, body, entries))
}

function toFaultBatch({ topic, index, records }: Entry): FaultBatch {
  return { topic, partition: index, producerId: producerIdOf(records!) }
}

function append(request: Request, body: ProduceBody, entry: Entry, target: Target | null): void {
  const { faults } = request.cluster
  const before = target && faults.strikeBatch('errorBefore', target, toFaultBatch(entry))
  if (before) return entry.settle(refused(before.value))
  try {
    const partition = leaderFor(request, body, entry)
    const { result, endOffset } = appendBatch(partition, entry.records!)
    const after = target && faults.strikeBatch('errorAfter', target, toFaultBatch(entry))
    if (after) entry.settle({ ...result, errorCode: after.value })
    else entry.settle(result, partition, endOffset)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    entry.settle(error.toResult())
  }
}

/** @throws Refusal */
function leaderFor({ cluster, broker }: Request, { acks }: ProduceBody, entry: Entry): Partition {
  if (acks < -1 || acks > 1) throw new Refusal(Errors.INVALID_REQUIRED_ACKS)
  const partition = cluster.partition(entry.topic, entry.index)
  if (partition?.topic.isInternal) throw new Refusal(Errors.INVALID_TOPIC_EXCEPTION)
  if (hasProducerId(entry.records!) && isTransactional(entry.records!)) {
    throw new Refusal(Errors.INVALID_PRODUCER_ID_MAPPING)
  }
  const errorCode = accessError(partition, broker.id)
  if (errorCode !== Errors.NONE) throw new Refusal(errorCode)
  const { minInsyncReplicas } = partition!.topic.settings
  if (acks === -1 && cluster.isr(partition!).length < minInsyncReplicas) {
    throw new Refusal(Errors.NOT_ENOUGH_REPLICAS)
  }
  return partition!
}

function finish(request: Request, { acks }: ProduceBody, entries: Entries): void {
  if (acks !== 0) return request.finish(encodeAnswer(request, entries.byTopic))
  if (entries.hasFailed) request.connection.close()
  else request.finish(null)
}
