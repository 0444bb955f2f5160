import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { produceJava } from '#test/support/java-client.ts'
import { produceKafkajs } from '#test/support/kafkajs-client.ts'
import { start } from '#test/support/processes.ts'
import { base64 } from '#test/support/producer-spec.ts'
import { producePython } from '#test/support/python-client.ts'

const SLUICE = join(import.meta.dirname, '../../bin/sluice')
const CLIENTS = { java: produceJava, librdkafka: producePython, kafkajs: produceKafkajs }

describe('the demo', () => {
  test('serves clients of one’s own, verifies what was stored, and ends by itself', async () => {
    const demo = await start(SLUICE, ['demo', '--for', '12s', '--producers', '200'], { input: '' })
    const [, port] = await demo.waitForLine(/behind one address, 127\.0\.0\.1:(\d+)/, 30_000)
    await demo.waitForLine(/^gateway: /, 30_000)
    for (const [name, produce] of Object.entries(CLIENTS)) {
      const outcomes = await produce({
        name,
        bootstrap: `127.0.0.1:${port}`,
        records: ['eu', 'us', 'ap'].map((cluster) => ({ topic: `${cluster}.topic-0`, value: base64(name) })),
      })
      assert.deepEqual(
        outcomes.map(({ error }) => error),
        [null, null, null],
        name,
      )
    }
    const { code } = await demo.exited
    assert.equal(code, 0, demo.output())
    const [, acked] = demo.output().match(/verified: (\d+) batches acknowledged/)!
    assert.ok(Number(acked) > 1000, `${acked} batches`)
  })

  test('a wrong --for is refused with exit 2', async () => {
    const demo = await start(SLUICE, ['demo', '--for', 'soon'], { input: '' })
    assert.equal((await demo.exited).code, 2)
    assert.match(demo.output(), /--for soon is not a duration such as 10s/)
  })
})
