import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startSandbox } from '#sandbox/sandbox.ts'
import { Crowd } from '#test/fleet/crowd.ts'
import { ProduceMeter } from '#test/fleet/produce-meter.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { startCluster } from '#test/support/kafka.ts'
import { endOffsets } from '#test/support/raw-client.ts'

const BUDGET = { lanes: 12, submissionsPerSecond: 300 }
/** One that binds on a slow machine, too: the crowd makes far more batches than this allows. */
const SMALL = { lanes: 12, submissionsPerSecond: 60 }
const MEASURED_MS = 25_000
/** After this, all nodes go by a new budget: an exchange with Redis each second, twice. */
const SETTLED_MS = 5000
const CROWD = { topic: 't', producers: 80, perSecond: 15 }

async function stage(t: TestContext): Promise<{ meter: ProduceMeter; kafkaPort: number; fleet: FleetStage }> {
  const meter = await ProduceMeter.start()
  t.after(() => meter.close())
  const cluster = await startCluster({ version: '4.4.0', doors: [meter.port] })
  t.after(() => cluster.close())
  meter.target = cluster.brokers[0]!.doorPort
  await cluster.createTopics([{ topic: CROWD.topic, partitions: 24 }])
  const fleet = await FleetStage.open({
    nodes: 6,
    workers: 1,
    clusters: { c: `127.0.0.1:${meter.port}` },
    routes: { t: 'c' },
    window: BUDGET,
    // Clients spread over nodes that join.
    settings: { limits: { connectionMaxAge: '5s' } },
  })
  t.after(() => fleet.close())
  return { meter, kafkaPort: cluster.brokers[0]!.port, fleet }
}

test('1, 3 and 6 nodes stay together within one budget, as their broker sees it', async (t) => {
  const { meter, kafkaPort, fleet } = await stage(t)
  let crowd: Crowd | undefined
  t.after(() => crowd?.close())
  const measure = async (nodes: number, budget: typeof BUDGET): Promise<void> => {
    const acked = crowd!.acks.length
    await pause(MEASURED_MS)
    const counted = meter.take()
    t.diagnostic(
      `${nodes} nodes, ${budget.submissionsPerSecond}/s: ${counted.carriers} connections with Produce and ` +
        `${counted.others} others at a time, at most ${counted.mostIn10s} Produce requests in 10 s, ` +
        `${crowd!.acks.length - acked} batches acknowledged, ${crowd!.unacked} wait`,
    )
    assert.ok(counted.requests > 0 && crowd!.acks.length > acked)
    assert.ok(counted.carriers <= budget.lanes, `${counted.carriers} connections with Produce`)
    const allowed = 10 * budget.submissionsPerSecond + nodes
    assert.ok(counted.mostIn10s <= allowed, `${counted.mostIn10s} Produce requests in 10 s`)
  }

  // What is counted while nodes join counts, too.
  for (const nodes of [1, 3, 6]) {
    while (fleet.gateways.size < nodes) await fleet.startNode(`gw-${fleet.gateways.size + 1}`)
    crowd ??= await Crowd.start({ ...CROWD, port: fleet.firstPort })
    await fleet.sees(nodes)
    await measure(nodes, BUDGET)
  }
  for (const name of fleet.gateways.keys()) await fleet.reloadNode(name, { window: SMALL })
  await pause(SETTLED_MS)
  meter.forget()
  await measure(6, SMALL)

  for (const name of fleet.gateways.keys()) await fleet.reloadNode(name, { window: BUDGET })
  await crowd!.finish()
  const ends = await endOffsets(kafkaPort, CROWD.topic)
  const stored = [...ends.values()].reduce((sum, end) => sum + Number(end), 0)
  assert.equal(stored, crowd!.acks.length, 'each batch is stored once')
})

test('a node that joins serves when the others have made room for it', async (t) => {
  const lanes = 4
  const sandbox = await startSandbox({ topics: [{ topic: 't', partitions: 48 }] })
  t.after(() => sandbox.close())
  // Slow answers keep every lane busy.
  sandbox.delay(200, { api: 'Produce' })
  const fleet = await FleetStage.open({
    nodes: 2,
    workers: 1,
    clusters: { c: sandbox.bootstrap },
    routes: { t: 'c' },
    window: { lanes },
  })
  t.after(() => fleet.close())
  const elder = await fleet.startNode('gw-1')
  const crowd = await Crowd.start({ port: fleet.firstPort, topic: 't', producers: 100, perSecond: 10 })
  t.after(() => crowd.close())
  await elder.waitFor('it uses all lanes', ({ clusters }) => clusters.c!.lanes === lanes, 60_000)
  const younger = await fleet.startNode('gw-2')
  const [own, its] = await Promise.all(
    [younger, elder].map(async (gateway) => (await gateway.state()).clusters.c!),
  )
  assert.equal(own!.grant.lanes, 1, 'its floor')
  assert.ok(its!.lanes + own!.grant.lanes <= lanes, `${its!.lanes} and ${own!.grant.lanes} lanes`)
  assert.equal(own!.grant.overcommitted, false)
})
