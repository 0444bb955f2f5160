import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applicationErrors, Crew, type KindName, story } from '#test/faults/crew.ts'
import { Crowd } from '#test/fleet/crowd.ts'
import { assertCriterion } from '#test/support/criterion.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { readLog } from '#test/support/java-client.ts'
import { startCluster } from '#test/support/kafka.ts'
import { endOffsets } from '#test/support/raw-client.ts'

const KINDS: KindName[] = ['java', 'rdkafka-once', 'kafkajs', 'franz']
const MAX_AGE = '20s'
/** A node that has joined serves clients within this time. */
const SERVES_MS = 30_000
/** What one node has answered well since it joined, to be sure that it is no accident. */
const ACKS = 20

/** @returns how long after the call the node's acks have grown, in ms */
async function servesWithin(fleet: FleetStage, name: string): Promise<number> {
  const joined = performance.now()
  await fleet.gateways
    .get(name)!
    .waitFor(`${name} serves`, ({ clusters }) => clusters.c!.totals.acks >= ACKS, SERVES_MS)
  return performance.now() - joined
}

test('1, 4 and 2 nodes behind haproxy: no client sees an error, and new nodes get work', async (t) => {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  await cluster.createTopics(['t', 'tc'].map((topic) => ({ topic, partitions: 6 })))
  const fleet = await FleetStage.open({
    nodes: 4,
    clusters: { c: cluster.bootstrap },
    routes: { t: 'c' },
    settings: { limits: { connectionMaxAge: MAX_AGE } },
  })
  t.after(() => fleet.close())
  await fleet.startNode('gw-1')
  // Beside the clients that must see no error, enough connections that each node gets some of them.
  const crowd = await Crowd.start({ port: fleet.firstPort, topic: 'tc', producers: 20, perSecond: 3 })
  t.after(() => crowd.close())
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'], kinds: KINDS })
  t.after(() => crew.kill())
  await crew.goOn(20)

  const names = ['gw-2', 'gw-3', 'gw-4']
  const waits = names.map(async (name) => {
    await fleet.startNode(name)
    return `${name} ${((await servesWithin(fleet, name)) / 1000).toFixed(1)} s`
  })
  t.diagnostic(`serving after: ${(await Promise.all(waits)).join(', ')}`)
  await fleet.sees(4)
  await crew.goOn(40)
  for (const name of ['gw-1', 'gw-3']) {
    assert.equal(await fleet.drainNode(name), 0, `${name} ended by itself`)
    await crew.goOn(20)
  }
  await fleet.sees(2)
  await crew.goOn(40)

  const ledgers = await crew.finish()
  await crowd.finish()
  assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['t']) } })
  assert.deepEqual(applicationErrors(ledgers), [])
  const ends = await endOffsets(cluster.brokers[0]!.port, 'tc')
  const stored = [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
  assert.equal(stored, crowd.acks.length, 'each batch of the crowd is stored once')
  t.diagnostic(story(ledgers))
})
