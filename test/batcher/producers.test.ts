import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch } from '#batcher/batch.ts'
import { Client } from '#batcher/client.ts'
import { Limits } from '#batcher/limits.ts'
import { Partition } from '#batcher/partition.ts'
import { Producers } from '#batcher/producers.ts'
import { batchBytes } from '#test/batcher/world.ts'

const timing = { arrivedAt: 0, wholeAt: 0, deadline: 1000 }

function world() {
  const unused: string[] = []
  const producers = new Producers(({ topic, index }) => unused.push(`${topic}/${index}`))
  const partitions = [new Partition('t', 0), new Partition('t', 1)]
  const pairOf = (client: Client, pid: number, partition = 0) =>
    producers.pairOf(
      new Batch(client, partitions[partition]!, -1, batchBytes({ pid, seq: 0 }), timing, { answered() {} }),
    )
  return { producers, partitions, unused, pairOf }
}

test('a pair is one producer on one partition', () => {
  const { pairOf } = world()
  const [a, b] = [new Client(), new Client()]
  assert.equal(pairOf(a, 1), pairOf(a, 1))
  assert.notEqual(pairOf(a, 1), pairOf(a, 2))
  assert.notEqual(pairOf(a, 1), pairOf(a, 1, 1))
  assert.equal(pairOf(a, 1), pairOf(b, 1), 'a producer id is the same producer on another connection')
})

test('without a producer id the connection is the producer', () => {
  const { pairOf } = world()
  const [a, b] = [new Client(), new Client()]
  assert.equal(pairOf(a, -1), pairOf(a, -1))
  assert.notEqual(pairOf(a, -1), pairOf(b, -1))
  assert.notEqual(pairOf(a, -1), pairOf(a, 5))
})

test('large ids that differ in one half only are different producers', () => {
  const { pairOf } = world()
  const client = new Client()
  assert.notEqual(pairOf(client, 2 ** 40 + 7), pairOf(client, 7))
})

test('when its last connection leaves, an idle producer is forgotten', () => {
  const { producers, partitions, unused, pairOf } = world()
  const [a, b] = [new Client(), new Client()]
  pairOf(a, 1)
  pairOf(b, 1)
  pairOf(a, -1, 1)
  producers.release(a)
  assert.equal(producers.size, 1)
  assert.deepEqual(unused, ['t/1'])
  producers.release(b)
  assert.equal(producers.size, 0)
  assert.deepEqual(unused, ['t/1', 't/0'])
  assert.deepEqual(
    partitions.map(({ pairs }) => pairs.length),
    [0, 0],
  )
})

test('a pair with work stays until it rests', () => {
  const { producers, partitions, pairOf } = world()
  const client = new Client()
  const pair = pairOf(client, 1)
  pair.state = 'inFlight'
  producers.release(client)
  assert.equal(producers.size, 1)
  assert.equal(pairOf(new Client(), 1), pair, 'the client that comes back finds it')
  const other = pairOf(new Client(), 2)
  producers.rest(other)
  assert.ok(partitions[0]!.pairs.includes(other), 'it rests, but somebody uses it')
})

test('a connection may use so many producer ids; those used longest ago are let go', () => {
  const { producers, pairOf } = world()
  const client = new Client()
  for (let pid = 0; pid < Limits.producersPerClient; pid++) pairOf(client, pid)
  const first = pairOf(client, 0)
  const [old, young] = [pairOf(client, 2), pairOf(client, 1000)]
  assert.equal(producers.size, Limits.producersPerClient)
  assert.equal(pairOf(client, 1000), young)
  assert.equal(pairOf(client, 2), old, 'only the one used longest ago has gone')
  assert.equal(pairOf(client, 0), first, 'it was used again, so it stays')
  producers.release(client)
  assert.equal(producers.size, 0)
})
