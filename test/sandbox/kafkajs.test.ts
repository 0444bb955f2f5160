import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { sandboxFor } from '#test/sandbox/kit.ts'

test('kafkajs makes topics, lists them, produces and reads offsets', async (t) => {
  const sandbox = await sandboxFor(t, { brokers: 3, topics: [] })
  const kafka = new Kafka({ brokers: sandbox.bootstrap.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  t.after(() => admin.disconnect())
  assert.ok(await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 5 }] }))
  assert.deepEqual(await admin.listTopics(), ['orders'])
  const { topics } = await admin.fetchTopicMetadata({ topics: ['orders'] })
  assert.deepEqual(topics[0]!.partitions.map(({ leader }) => leader).sort(), [1, 1, 2, 2, 3])
  const producer = kafka.producer()
  await producer.connect()
  t.after(() => producer.disconnect())
  const messages = Array.from({ length: 50 }, (_, i) => ({ value: `v${i}`, partition: i % 5 }))
  await producer.send({ topic: 'orders', messages })
  const offsets = await admin.fetchTopicOffsets('orders')
  assert.deepEqual(
    offsets.map(({ high }) => high),
    ['10', '10', '10', '10', '10'],
  )
})
