import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { applicationErrors, Crew, story } from '#test/faults/crew.ts'
import { assertCriterion } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import { startCluster } from '#test/support/kafka.ts'
import { freePortRange } from '#test/support/ports.ts'
import { RawClient } from '#test/support/raw-client.ts'
import { startRedis } from '#test/support/redis.ts'

/** Node ids that are addresses of this machine, so that `{node}` is a host that clients reach. */
const IDS = ['127.0.0.11', '127.0.0.12', '127.0.0.13']
const PARTITIONS = 12

/** Partition -> host of its leader, as a node tells. */
async function leadersOf(port: number): Promise<string[]> {
  const client = await RawClient.connect(port, '127.0.0.11')
  try {
    const { brokers, topics } = await client.request('metadata', 4, { topics: [{ name: 't' }] })
    const hosts = new Map(brokers.map(({ nodeId, host }) => [nodeId, host]))
    const partitions = topics[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    return partitions.map(({ leaderId }) => hosts.get(leaderId)!)
  } finally {
    await client.close()
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); await pause(100)) {
    assert.ok(Date.now() < deadline, what)
  }
}

test('per_node: clients see every node; of one that is killed only its own partitions move', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const cluster = await startCluster({ version: '4.4.0' })
  t.after(() => cluster.close())
  await cluster.createTopics([{ topic: 't', partitions: PARTITIONS }])
  const port = await freePortRange(2)
  const gateways = new Map<string, Gateway>()
  t.after(() => Promise.all([...gateways.values()].map((gateway) => gateway.close())))
  const join = async (id: string) => {
    const advertised = { mode: 'per_node', host: '{node}', port }
    const gateway = await startGateway({
      clusters: { c: cluster.bootstrap },
      routes: { t: 'c' },
      settings: {
        node: { id, workers: 2 },
        listeners: [{ name: 'public', bind: `${id}:${port}`, advertised }],
        fleet: { redis: { url: redis.url } },
      },
    })
    gateways.set(id, gateway)
  }
  await Promise.all(IDS.map(join))
  await until('all three lead', async () => new Set(await leadersOf(port)).size === 3)
  const before = await leadersOf(port)

  const crew = await Crew.start({
    bootstrap: IDS.map((id) => `${id}:${port}`).join(','),
    topics: ['t'],
    kinds: ['java', 'rdkafka-once', 'franz'],
  })
  t.after(() => crew.kill())
  await crew.goOn(20)
  await gateways.get(IDS[2]!)!.close()
  gateways.delete(IDS[2]!)
  await until('it leads nothing any more', async () => !(await leadersOf(port)).includes(IDS[2]!))
  const after = await leadersOf(port)
  for (const [i, leader] of before.entries()) {
    if (leader !== IDS[2]) assert.equal(after[i], leader, `partition ${i} stays`)
  }
  await crew.goOn(60)
  await join(IDS[2]!)
  await until('all is as before', async () => (await leadersOf(port)).join() === before.join())
  await crew.goOn(20)
  const ledgers = await crew.finish()
  assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['t']) } })
  assert.deepEqual(applicationErrors(ledgers), [])
  t.diagnostic(story(ledgers))
})
