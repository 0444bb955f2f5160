import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { sandboxOf } from '#test/end-to-end/reload-stage.ts'
import { applicationErrors, Crew, type KindName, story } from '#test/faults/crew.ts'
import { Crowd } from '#test/fleet/crowd.ts'
import { RouteWriters } from '#test/fleet/route-writers.ts'
import { assertCriterion } from '#test/support/criterion.ts'
import { type FleetOptions, FleetStage } from '#test/support/fleet-stage.ts'
import { readLog } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { until } from '#test/support/redis.ts'

const KINDS: KindName[] = ['java', 'rdkafka-once', 'kafkajs']
const NAMES = ['gw-1', 'gw-2', 'gw-3']

async function kafkaWith(t: TestContext, topic: string): Promise<KafkaCluster> {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  await cluster.createTopics([{ topic, partitions: 6 }])
  return cluster
}

async function sandboxWith(t: TestContext, name: string, topic: string): Promise<Sandbox> {
  const sandbox = await sandboxOf(name, [topic])
  t.after(() => sandbox.close())
  return sandbox
}

async function fleetOf(t: TestContext, options: FleetOptions, names: string[]): Promise<FleetStage> {
  const fleet = await FleetStage.open(options)
  t.after(() => fleet.close())
  await fleet.startNodes(names)
  await fleet.sees(names.length)
  return fleet
}

async function crewOn(t: TestContext, fleet: FleetStage, topic: string): Promise<Crew> {
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: [topic], kinds: KINDS })
  t.after(() => crew.kill())
  await crew.goOn(20)
  return crew
}

test('a cluster is added, and removed, by reloading one node after the other: no client sees an error', async (t) => {
  const [a, b] = await Promise.all([kafkaWith(t, 'a1'), kafkaWith(t, 'b1')])
  const one = { clusters: { a: a.bootstrap }, routes: { a: 'a' } }
  const two = { clusters: { a: a.bootstrap, b: b.bootstrap }, routes: { a: 'a', b: 'b' } }
  const fleet = await fleetOf(t, { nodes: 3, spareClusters: 1, ...one }, NAMES)
  const staying = await crewOn(t, fleet, 'a1')
  for (const name of NAMES) {
    await fleet.reloadNode(name, two)
    await staying.goOn(10)
  }
  const added = await crewOn(t, fleet, 'b1')
  await staying.goOn(20)
  const ledgers = await added.finish()
  for (const name of NAMES) {
    await fleet.reloadNode(name, one)
    await staying.goOn(10)
  }
  await staying.goOn(20)
  ledgers.push(...(await staying.finish()))
  const clusters = { a: await readLog(a.bootstrap, ['a1']), b: await readLog(b.bootstrap, ['b1']) }
  assertCriterion(ledgers, { clusters, clusterOf: (topic) => topic[0]! })
  assert.deepEqual(applicationErrors(ledgers), [])
  const { clusters: left } = await fleet.gateways.get('gw-1')!.state()
  assert.deepEqual(Object.keys(left), ['a'])
  t.diagnostic(story(ledgers))
})

test('row 34: nodes with different routes: each batch goes where the config of its node says', async (t) => {
  const a = await sandboxWith(t, 'a', 'x')
  const b = await sandboxWith(t, 'b', 'x')
  const clusters = { a: a.bootstrap, b: b.bootstrap }
  const fleet = await fleetOf(t, { nodes: 3, clusters, routes: { x: 'a' } }, NAMES)
  const writers = new RouteWriters('x', 3)
  t.after(() => writers.close())
  for (const name of NAMES) await writers.add(name, fleet.portOf(name), 4, 'a')
  await writers.goOn(20)
  for (const name of NAMES) {
    writers.isMoving(name)
    await fleet.reloadNode(name, { routes: { x: 'b' } })
    writers.writesTo(name, 'b')
    await writers.goOn(20)
  }
  const { written, misroutes } = await writers.finish({ a, b })
  assert.deepEqual(misroutes, [])
  t.diagnostic(`${written} batches, of which each stands once, where it belongs`)
})

const BUDGET = { lanes: 12, submissionsPerSecond: 300 }
const SMALLER = { lanes: 6, submissionsPerSecond: 100 }
/** Less than a lane for each of the two nodes' two workers. */
const TOO_SMALL = { lanes: 2, submissionsPerSecond: 300 }

test('differing budgets: the smallest counts; floors beyond the budget are said', async (t) => {
  const sandbox = await sandboxWith(t, 'c', 't')
  const options = { nodes: 2, clusters: { c: sandbox.bootstrap }, routes: { t: 'c' }, window: BUDGET }
  const fleet = await fleetOf(t, options, ['gw-1', 'gw-2'])
  const crowd = await Crowd.start({ port: fleet.firstPort, topic: 't', producers: 40, perSecond: 10 })
  t.after(() => crowd.close())
  const gateways = [...fleet.gateways.values()]
  const grants = async () => {
    const states = await Promise.all(gateways.map((gateway) => gateway.state()))
    return states.map(({ clusters }) => clusters.c!.grant)
  }
  const comesTo = async (what: string, holds: (lanes: number, rate: number, over: boolean[]) => boolean) => {
    let seen = await grants()
    const sum = (key: 'lanes' | 'submissionsPerSecond') => seen.reduce((all, grant) => all + grant[key], 0)
    const look = async () => {
      seen = await grants()
      const over = seen.map(({ overcommitted }) => overcommitted)
      return holds(sum('lanes'), sum('submissionsPerSecond'), over)
    }
    await until(60_000, look, () => `${what}: ${JSON.stringify(seen)}`)
  }
  const none = (over: boolean[]) => !over.includes(true)
  // Something is given out beyond what the smaller budget has.
  await comesTo('the whole budget', (lanes, rate, over) => lanes > 6 && rate > 100 && none(over))

  await fleet.reloadNode('gw-2', { window: SMALLER })
  await comesTo('the smaller', (lanes, rate, over) => lanes <= 6 && rate <= 100 && none(over))

  for (const name of fleet.gateways.keys()) await fleet.reloadNode(name, { window: TOO_SMALL })
  await comesTo('the floors', (lanes, _rate, over) => lanes === 4 && !over.includes(false))
  for (const { running } of gateways) {
    await running.waitForLine(/"settings":\["clusters\[\]\.window\.lanes"\].*"msg":"overcommitted/, 10_000)
  }

  for (const name of fleet.gateways.keys()) await fleet.reloadNode(name, { window: BUDGET })
  await comesTo('the whole budget again', (lanes, rate, over) => lanes > 6 && rate > 100 && none(over))
  await crowd.finish()
  const ends = [0, 1, 2].map((partition) => sandbox.endOffset('t', partition))
  assert.equal(
    ends.reduce((sum, end) => sum + end, 0),
    crowd.acks.length,
  )
})
