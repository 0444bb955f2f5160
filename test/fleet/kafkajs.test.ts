import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel } from '#fleet/kafkajs.ts'
import { startSandbox } from '#sandbox/sandbox.ts'

test('an admin client that has nothing to do starts no timers', async () => {
  const sandbox = await startSandbox({ topics: [{ topic: 't', partitions: 1 }] })
  const admin = new Kafka({ brokers: [sandbox.bootstrap], logLevel: logLevel.NOTHING }).admin()
  const started: unknown[] = []
  const real = globalThis.setTimeout
  try {
    await admin.connect()
    await admin.fetchTopicMetadata({ topics: ['t'] })
    globalThis.setTimeout = ((...args: Parameters<typeof real>) => {
      started.push(args[1])
      return real(...args)
    }) as typeof real
    await pause(200)
    assert.ok(started.length < 5, `${started.length} timers in 200 ms`)
  } finally {
    globalThis.setTimeout = real
    await admin.disconnect()
    await sandbox.close()
  }
})
