import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Crew, story } from '#test/faults/crew.ts'
import { assertUnharmed, untilReadAgain, untilRight, WINDOW } from '#test/fleet/fleet-watch.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'

const NAMES = ['gw-1', 'gw-2', 'gw-3']
const RIGHT_AGAIN_MS = 10_000

interface Trouble {
  name: string
  lastsMs: number
  /** Which nodes are without Redis. */
  hits: readonly string[]
  begin(fleet: FleetStage): unknown
  end(fleet: FleetStage): unknown
}

const wiresOf = (fleet: FleetStage) => [...fleet.wires.values()]

const TROUBLES: Trouble[] = [
  {
    name: 'killed and started empty',
    lastsMs: 30_000,
    hits: NAMES,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.start(),
  },
  {
    name: 'standing still',
    lastsMs: 20_000,
    hits: NAMES,
    begin: ({ redis }) => redis.pause(),
    end: ({ redis }) => redis.resume(),
  },
  {
    name: 'answering 2 s late',
    lastsMs: 8000,
    hits: NAMES,
    begin(fleet) {
      for (const { answers } of wiresOf(fleet)) answers.delayMs = 2000
    },
    end(fleet) {
      for (const wire of wiresOf(fleet)) wire.heal()
    },
  },
  {
    name: 'cut off from one node',
    lastsMs: 8000,
    hits: ['gw-2'],
    begin(fleet) {
      fleet.wires.get('gw-2')!.isBlackHole = true
    },
    end: (fleet) => fleet.wires.get('gw-2')!.heal(),
  },
]

/** @param topics that are there; one is added amid the trouble, so that there is something to learn */
async function endure(
  t: TestContext,
  trouble: Trouble,
  {
    fleet,
    cluster,
    crew,
    topics,
  }: { fleet: FleetStage; cluster: KafkaCluster; crew: Crew; topics: string[] },
): Promise<void> {
  const began = performance.now()
  await trouble.begin(fleet)
  for (const name of trouble.hits) {
    const state = await fleet.gateways
      .get(name)!
      .waitFor(`${name} is without Redis`, (now) => now.fleet.redis === 'down' && now.clusters.c!.grant.stale)
    assert.notEqual(state.fleet.reason, '')
  }
  const topic = `t.${topics.length}`
  await cluster.createTopics([{ topic, partitions: 2 }])
  topics.push(topic)
  for (const [name, gateway] of fleet.gateways) {
    const knows = `${name} learns of a topic without Redis`
    await gateway.waitFor(knows, ({ clusters }) => clusters.c!.topics === topics.length)
  }
  await crew.goOn(40)
  await pause(Math.max(0, trouble.lastsMs - (performance.now() - began)))
  const lasted = performance.now() - began
  const readSince = Date.now()
  await trouble.end(fleet)
  const ms = await untilRight(fleet, { nodes: NAMES, topics, readSince })
  t.diagnostic(`lasted ${Math.round(lasted)} ms, right again after ${Math.round(ms)} ms`)
  assert.ok(ms < RIGHT_AGAIN_MS, `right again only after ${ms} ms`)
  await untilReadAgain(fleet)
  await crew.goOn(20)
}

test('row 27: whatever happens to Redis, producers feel nothing, and the fleet finds together again', async (t) => {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  const topics = ['t']
  await cluster.createTopics([{ topic: 't', partitions: 6 }])
  const clusters = { c: cluster.bootstrap }
  const fleet = await FleetStage.open({ nodes: 3, clusters, routes: { t: 'c' }, window: WINDOW })
  t.after(() => fleet.close())
  await fleet.startNodes(NAMES)
  await untilRight(fleet, { nodes: NAMES, topics, readSince: 0 })
  const crew = await Crew.start({
    bootstrap: fleet.bootstrap,
    topics: ['t'],
    kinds: ['java', 'rdkafka-once', 'franz'],
  })
  t.after(() => crew.kill())
  await crew.goOn(20)
  for (const trouble of TROUBLES) {
    await t.test(trouble.name, (inner) => endure(inner, trouble, { fleet, cluster, crew, topics }))
  }
  for (const [name, gateway] of fleet.gateways) {
    assert.deepEqual((await gateway.state()).clusters.c!.errorCodes, {}, `${name} answered no error`)
  }
  t.diagnostic(story(await assertUnharmed(cluster, crew)))
})
