import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type SyntheticAck, SyntheticProducer } from '#sandbox/synthetic-producer.ts'
import { sandboxFor } from '#test/sandbox/kit.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { until } from '#test/support/redis.ts'

test('batches made on the way back to the leader get their own answers', async (t) => {
  const sandbox = await sandboxFor(t)
  const [broker] = sandbox.brokers
  // Another port than the leader's, so that each connect is two: to whom it asks, and to the leader.
  const door = await FaultProxy.start()
  t.after(() => door.close())
  door.target = broker!.port
  const acks: SyntheticAck[] = []
  const producer = new SyntheticProducer({
    name: 'p',
    bootstrap: { host: '127.0.0.1', port: door.port },
    topic: 't',
    perSecond: 100,
    valueBytes: 10,
    onAck: (ack) => acks.push(ack),
  })
  t.after(() => producer.close())
  await producer.start()
  await until(
    20_000,
    () => acks.length > 20,
    () => `${acks.length} acks`,
  )
  door.answers.delayMs = 300
  await broker!.restart()
  const before = acks.length
  await until(
    20_000,
    () => acks.length > before + 20,
    () => `${acks.length - before} acks after the broker came back`,
  )
  producer.stop()
  await until(
    20_000,
    () => producer.unacked === 0,
    () => `${producer.unacked} are never acknowledged`,
  )
  const stored = [0, 1].flatMap((partition) =>
    sandbox.log('t', partition).map(({ offset, bytes }) => {
      return `${partition} @${offset} ${bytes.readInt32BE(53)}`
    }),
  )
  const told = acks.map(({ partition, offset, sequence }) => `${partition} @${offset} ${sequence}`)
  assert.deepEqual(told.sort(), stored.sort())
})

test('one that is closed while nobody answers ends at once, with batches that are not acknowledged', async (t) => {
  const sandbox = await sandboxFor(t)
  const [broker] = sandbox.brokers
  let acks = 0
  const producer = new SyntheticProducer({
    name: 'p',
    bootstrap: { host: '127.0.0.1', port: broker!.port },
    topic: 't',
    perSecond: 100,
    valueBytes: 10,
    onAck: () => acks++,
  })
  t.after(() => producer.close())
  await producer.start()
  await until(
    20_000,
    () => acks > 0,
    () => 'no ack',
  )
  await broker!.kill()
  await until(
    20_000,
    () => producer.unacked > 0 && producer.errors > 0,
    () => 'it does not try to connect again',
  )
  producer.close()
  await pause(1000)
  const { connects } = producer
  await pause(2000)
  assert.equal(producer.connects, connects, 'no further try')
})
