import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { applicationErrors, Crew, type KindName, story } from '#test/faults/crew.ts'
import { assertCriterion } from '#test/support/criterion.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { readLog } from '#test/support/java-client.ts'
import { startCluster } from '#test/support/kafka.ts'

const NAMES = ['gw-1', 'gw-2', 'gw-3']
/** Idempotent, so that what was not answered is sent again without a doubt. */
const RESENDERS: KindName[] = ['java', 'rdkafka-once', 'franz']

interface Stage {
  fleet: FleetStage
  crew: Crew
}

/** Lets producers send through three nodes while something happens: no application sees an error, and P holds. */
async function under(
  t: TestContext,
  kinds: KindName[] | undefined,
  trouble: (stage: Stage) => Promise<void>,
) {
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  await cluster.createTopics([{ topic: 't', partitions: 6 }])
  const fleet = await FleetStage.open({ nodes: 3, clusters: { c: cluster.bootstrap }, routes: { t: 'c' } })
  t.after(() => fleet.close())
  await fleet.startNodes(NAMES)
  await fleet.sees(3)
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'], ...(kinds && { kinds }) })
  t.after(() => crew.kill())
  await crew.goOn(20)
  await trouble({ fleet, crew })
  const ledgers = await crew.finish()
  assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['t']) } })
  assert.deepEqual(applicationErrors(ledgers), [])
  t.diagnostic(story(ledgers))
}

test('row 2: all nodes restarted one after the other by SIGTERM: no client sees an error', (t) =>
  under(t, undefined, async ({ fleet, crew }) => {
    for (const name of NAMES) {
      assert.equal(await fleet.drainNode(name), 0, `${name} ended by itself`)
      await fleet.startNode(name)
      await fleet.sees(3)
      await crew.goOn(20)
    }
  }))

test('row 1: a node killed under load: the others take its clients over', (t) =>
  under(t, RESENDERS, async ({ fleet, crew }) => {
    await fleet.killNode('gw-2')
    await crew.goOn(60)
    await fleet.sees(2)
    await fleet.startNode('gw-2')
    await fleet.sees(3)
    await crew.goOn(20)
  }))

test('row 3: a node that stands still for a while is out, and comes back', (t) =>
  under(t, RESENDERS, async ({ fleet, crew }) => {
    const pids = fleet.pids('gw-3')
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    await pause(30_000)
    const { nodes } = await fleet.gateways.get('gw-1')!.state('fleet')
    assert.equal(nodes['gw-3']?.state, 'gone', 'its lease has ended')
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await fleet.sees(3)
    await crew.goOn(60)
  }))
