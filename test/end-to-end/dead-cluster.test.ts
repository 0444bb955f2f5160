import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { readLog, startJavaProducer } from '#test/support/java-client.ts'
import { startKafkajsProducer } from '#test/support/kafkajs-client.ts'
import type { RunningProducer } from '#test/support/producer-process.ts'
import { startPythonProducer } from '#test/support/python-client.ts'
import { useThreeClusters } from '#test/support/three-clusters.ts'

describe('one dead cluster of three', () => {
  const three = useThreeClusters()

  test('the others go on without a timeout; its own producers deliver once it is back', async () => {
    await three.createTopics('apples', 'apricots', 'bananas', 'bananas-js')
    const spec = (name: string, topics: string[], perSecond: number, count: number) => ({
      name,
      bootstrap: three.gateway.bootstrap,
      properties: {} as Record<string, string>,
      generate: { topics, perSecond, count },
    })
    const living: RunningProducer[] = await Promise.all([
      startJavaProducer(spec('java', ['apricots', 'bananas'], 100, 1000)),
      startPythonProducer(spec('rdkafka', ['apricots', 'bananas'], 100, 1000)),
      startKafkajsProducer(spec('kafkajs', ['bananas-js'], 50, 500)),
    ])
    await Promise.all(living.map((producer) => producer.waitForOutcomes(50)))
    await three.c1.brokers[0]!.stop()
    const orphans = await Promise.all([
      startJavaProducer(spec('java-orphan', ['apples'], 50, 250)),
      startPythonProducer(spec('rdkafka-orphan', ['apples'], 50, 250)),
    ])
    await three.gateway.waitFor('c1 is down', ({ clusters }) => clusters.c1!.state === 'down')
    const ledgers = []
    for (const producer of living) {
      const outcomes = await producer.finish()
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
        producer.spec.name,
      )
      ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent: true, ordered: true }))
    }
    const state = await three.gateway.state()
    assert.equal(state.clusters.c2!.totals.errors + state.clusters.c3!.totals.errors, 0, 'no 7, no 19')
    assert.equal(await three.gateway.health('/readyz'), 200, 'one cluster down does not take the node away')

    await three.c1.brokers[0]!.restart()
    for (const producer of orphans) {
      const outcomes = await producer.finish()
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== null),
        [],
        producer.spec.name,
      )
      const java = producer.spec.name === 'java-orphan'
      ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent: java, ordered: java }))
    }
    await three.gateway.waitFor('c1 is up', ({ clusters }) => clusters.c1!.state === 'up')
    assertCriterion(ledgers, {
      clusters: {
        c1: await readLog(three.c1.bootstrap, ['apples']),
        c2: await readLog(three.c2.bootstrap, ['apricots']),
        c3: await readLog(three.c3.bootstrap, ['bananas', 'bananas-js']),
      },
      clusterOf: (topic) => (topic === 'apples' ? 'c1' : topic === 'apricots' ? 'c2' : 'c3'),
    })
  })
})
