import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '#batcher/batch.ts'
import { Client } from '#batcher/client.ts'
import { Partition } from '#batcher/partition.ts'
import type { ClientConnection } from '#gateway/connection.ts'
import { handleProduce } from '#gateway/handlers/00-produce.ts'
import { Request } from '#gateway/request.ts'
import { RequestReader } from '#gateway/request-reader.ts'
import { Slabs } from '#gateway/slabs.ts'
import { apis } from '#protocol/apis.ts'
import { finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { encodeProduceRequest } from '#protocol/produce-wire.ts'
import { plainBatch } from '#test/support/batches.ts'

const VERSION = 9

/** A Produce request whose frame lies in a slab, and the batches that the engine got of it. */
function admitted(slabs: Slabs, sent: Record<string, Buffer>): Batch[] {
  const client = new Client()
  const batches: Batch[] = []
  const engine = {
    partition: (topic: string, index: number) => new Partition(topic, index),
    accept: (batch: Batch) => batches.push(batch),
  }
  const connection = {
    worker: {
      slabs,
      limits: { maxAckWait: 20_000 },
      linkFor: () => ({ engine, cap: { isFull: false, add() {} } }),
    },
    slot: { batchesIn: 0, recordsIn: 0, bytesIn: 0 },
    clients: { of: () => client },
    hold() {},
  } as unknown as ClientConnection
  const groups = new Map(Object.entries(sent).map(([topic, bytes]) => [topic, [{ topic, index: 0, bytes }]]))
  const pieces = encodeProduceRequest(VERSION, { correlationId: 1, clientId: 'c' }, -1, 5000, groups)
  const frame = Buffer.concat(pieces)
  const body = new RequestReader(slabs.copy(frame, 4, frame.length))
  const header = readRequestHeader(body)
  const request = new Request(connection, apis.produce, header, body, { firstByteAt: 0, wholeAt: 0 })
  finishRequestHeader(body, apis.produce, VERSION)
  handleProduce(request)
  return batches
}

test('batches that take long move out of their slab, byte for byte; those that were let go do not', () => {
  const slabs = new Slabs()
  const sent = { a: plainBatch('first'), b: plainBatch('the second one'), c: plainBatch('3') }
  const batches = admitted(slabs, sent)
  assert.equal(batches.length, 3)
  const memory = batches[0]!.bytes.buffer
  batches[2]!.letGo()
  for (let i = 0; i < 40; i++) slabs.copy(Buffer.alloc(1000), 0, 1000)
  slabs.sweep(1e12)
  assert.notEqual(batches[0]!.bytes.buffer, memory)
  assert.deepEqual(batches[0]!.bytes, sent.a)
  assert.deepEqual(batches[1]!.bytes, sent.b)
  assert.equal(batches[2]!.bytes.length, 0)
})
