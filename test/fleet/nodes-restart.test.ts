import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { applicationErrors, Crew, story } from '#test/faults/crew.ts'
import { assertCriterion, type Ledger } from '#test/support/criterion.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { readLog } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'

const NAMES = ['gw-1', 'gw-2', 'gw-3']

async function stage(): Promise<{ cluster: KafkaCluster; fleet: FleetStage; close(): Promise<void> }> {
  const cluster = await startCluster({ version: '4.4.0' })
  await cluster.createTopics([{ topic: 't', partitions: 6 }])
  const fleet = await FleetStage.open({ nodes: 3, clusters: { c: cluster.bootstrap }, routes: { t: 'c' } })
  await fleet.startNodes(NAMES)
  await fleet.sees(3)
  return {
    cluster,
    fleet,
    async close() {
      await fleet.close()
      await cluster.close()
    },
  }
}

async function assertStored(cluster: KafkaCluster, ledgers: Ledger[]): Promise<void> {
  assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['t']) } })
}

test('row 2: all nodes restarted one after the other by SIGTERM: no client sees an error', async (t) => {
  const { cluster, fleet, close } = await stage()
  t.after(close)
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'] })
  t.after(() => crew.kill())
  await crew.goOn(20)
  for (const name of NAMES) {
    assert.equal(await fleet.drainNode(name), 0, `${name} ended by itself`)
    await fleet.startNode(name)
    await fleet.sees(3)
    await crew.goOn(20)
  }
  const ledgers = await crew.finish()
  await assertStored(cluster, ledgers)
  assert.deepEqual(applicationErrors(ledgers), [])
  t.diagnostic(story(ledgers))
})

test('row 1: a node killed under load: the others take its clients over', async (t) => {
  const { cluster, fleet, close } = await stage()
  t.after(close)
  const kinds = ['java', 'rdkafka-once', 'franz'] as const
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'], kinds: [...kinds] })
  t.after(() => crew.kill())
  await crew.goOn(20)
  await fleet.killNode('gw-2')
  await crew.goOn(60)
  await fleet.sees(2)
  await fleet.startNode('gw-2')
  await fleet.sees(3)
  await crew.goOn(20)
  const ledgers = await crew.finish()
  await assertStored(cluster, ledgers)
  assert.deepEqual(applicationErrors(ledgers), [])
  t.diagnostic(story(ledgers))
})

test('row 3: a node that stands still for a while is out, and comes back', async (t) => {
  const { cluster, fleet, close } = await stage()
  t.after(close)
  const kinds = ['java', 'rdkafka-once', 'franz'] as const
  const crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'], kinds: [...kinds] })
  t.after(() => crew.kill())
  await crew.goOn(20)
  const pids = fleet.pids('gw-3')
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await pause(30_000)
  const { nodes } = await fleet.gateways.get('gw-1')!.state()
  assert.deepEqual(Object.keys(nodes).sort(), ['gw-1', 'gw-2'], 'its lease has ended')
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  await fleet.sees(3)
  await crew.goOn(60)
  const ledgers = await crew.finish()
  await assertStored(cluster, ledgers)
  assert.deepEqual(applicationErrors(ledgers), [])
  t.diagnostic(story(ledgers))
})
