import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startSandbox } from '#sandbox/sandbox.ts'
import type { ServerFrame, State } from '#status/contract.ts'
import { batch } from '#test/support/batches.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import type { Gateway } from '#test/support/gateway.ts'
import { RawClient } from '#test/support/raw-client.ts'

const NAMES = ['gw-1', 'gw-2']
const RECORDS_PER_BATCH = 3
/** Batches that each client sends to each topic through each node. */
const BATCHES = { 'e.orders': 20, 'e.audit': 7, 'u.clicks': 11 } as const
const CLIENTS = ['shop', 'till', 'shop']
/** A batch of a topic that a cluster does not have is answered 3 by it; the gateway refuses the rest by itself. */
const REFUSED = { noRoute: 4, badCrc: 5 }

interface Expected {
  batches: number
  records: number
  bytes: number
}

const good = batch({ records: Array.from({ length: RECORDS_PER_BATCH }, () => ({ value: 'x'.repeat(50) })) })
const broken = Buffer.from(good)
broken.writeUInt32BE(0, 17)

async function stage(t: TestContext): Promise<FleetStage> {
  const topicsOf = (prefix: string) =>
    Object.keys(BATCHES)
      .filter((name) => name.startsWith(prefix))
      .map((topic) => ({ topic, partitions: 4 }))
  const eu = await startSandbox({ name: 'eu', brokers: 1, topics: topicsOf('e.') })
  t.after(() => eu.close())
  const us = await startSandbox({ name: 'us', brokers: 1, topics: topicsOf('u.') })
  t.after(() => us.close())
  const fleet = await FleetStage.open({
    nodes: 2,
    clusters: { eu: eu.bootstrap, us: us.bootstrap },
    routes: { 'e.': 'eu', 'u.': 'us' },
  })
  t.after(() => fleet.close())
  await fleet.startNodes(NAMES)
  await fleet.sees(2)
  return fleet
}

/** Sends the same to one node, past the load balancer. @returns its connections, still open */
async function produce(port: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (const clientId of CLIENTS) {
    const client = await RawClient.connect(port)
    client.send(Buffer.from('PROXY TCP4 10.1.2.3 10.0.0.1 5000 9092\r\n'))
    client.clientId = clientId
    const software = { clientSoftwareName: 'abacus', clientSoftwareVersion: '1.2' }
    await client.request('apiVersions', 3, software)
    for (const [topic, count] of Object.entries(BATCHES)) {
      for (let i = 0; i < count; i++) assert.equal(await send(client, topic, i % 4, good), 0)
    }
    clients.push(client)
  }
  const [first] = clients
  for (let i = 0; i < REFUSED.noRoute; i++) assert.equal(await send(first!, 'nobody', 0, good), 17)
  for (let i = 0; i < REFUSED.badCrc; i++) assert.equal(await send(first!, 'e.orders', 0, broken), 2)
  return clients
}

async function send(client: RawClient, name: string, index: number, records: Buffer): Promise<number> {
  const topicData = [{ name, partitionData: [{ index, records }] }]
  const body = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData }
  const answer = await client.request('produce', 9, body)
  return answer.responses[0]!.partitionResponses[0]!.errorCode
}

function expected(topics: readonly (keyof typeof BATCHES)[], nodes: number): Expected {
  const batches = topics.reduce((sum, topic) => sum + BATCHES[topic] * CLIENTS.length * nodes, 0)
  return { batches, records: batches * RECORDS_PER_BATCH, bytes: batches * good.length }
}

function assertState(state: State, nodes: number): void {
  const byCluster = { eu: ['e.orders', 'e.audit'], us: ['u.clicks'] } as const
  for (const [name, topics] of Object.entries(byCluster)) {
    const { batches, records, bytes } = expected(topics, nodes)
    const { totals } = state.clusters[name]!
    assert.equal(totals.batchesIn, batches, `${name}: batches`)
    assert.deepEqual([totals.recordsIn, totals.bytesIn], [records, bytes], name)
    assert.deepEqual([totals.acks, totals.errors, totals.batchesSubmitted], [batches, 0, batches], name)
    assert.ok(totals.submissions > 0 && totals.submissions <= batches)
  }
  for (const topic of Object.keys(BATCHES) as (keyof typeof BATCHES)[]) {
    const { batches, records, bytes } = expected([topic], nodes)
    const { totals, partitions } = state.topics[topic]!
    assert.deepEqual(totals, {
      batchesIn: batches,
      recordsIn: records,
      bytesIn: bytes,
      acks: batches,
      errors: 0,
    })
    assert.equal(partitions, 4)
  }
  for (const client of state.clients) {
    const { id, address, softwareName, softwareVersion, connections } = client
    assert.deepEqual([address, softwareName, softwareVersion], ['10.1.2.3', 'abacus', '1.2'])
    assert.equal(connections, CLIENTS.filter((each) => each === id).length * nodes, id)
    assert.equal(client.nodes.length, nodes)
  }
  assert.equal(state.clients.length, new Set(CLIENTS).size)
}

/** A sample comes once a second from each worker and each node: waits until all have. */
async function settled(gateway: Gateway, nodes: number, scope: 'node' | 'fleet'): Promise<State> {
  const acks = ['e.orders', 'e.audit', 'u.clicks'] as const
  const all = expected(acks, nodes).batches
  const connections = CLIENTS.length * nodes
  return gateway.waitFor(
    `${all} batches are counted`,
    ({ clusters, clients }) => {
      const counted = clusters.eu!.totals.acks + clusters.us!.totals.acks
      return counted === all && clients.reduce((sum, client) => sum + client.connections, 0) === connections
    },
    30_000,
    scope,
  )
}

async function firstSnapshot(port: number): Promise<State> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/stream`, 'sluice.v1')
  try {
    return await new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error('the stream cannot be had'))
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(String(data)) as ServerFrame
        if (frame.type === 'snapshot') resolve(frame.state)
      }
    })
  } finally {
    socket.close()
  }
}

/** Sum over all lines of a metric whose labels have these. */
function metric(page: string, name: string, labels = ''): number {
  const lines = page.split('\n').filter((line) => /^\S+$/.test(line.split(' ')[0]!) && line.startsWith(name))
  const wanted = lines.filter((line) => /^[{ ]/.test(line.slice(name.length)) && line.includes(labels))
  return wanted.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('what clients send is what state, metrics and stream say, of one node and of two', async (t) => {
  const fleet = await stage(t)
  const [one, two] = NAMES.map((name) => fleet.gateways.get(name)!)
  const clients = await produce(fleet.portOf('gw-1'))
  t.after(() => Promise.all(clients.map((client) => client.close())))
  assertState(await settled(one!, 1, 'node'), 1)
  clients.push(...(await produce(fleet.portOf('gw-2'))))
  for (const gateway of [one!, two!]) {
    assertState(await settled(gateway, 1, 'node'), 1)
    assertState(await settled(gateway, 2, 'fleet'), 2)
    assertState(await firstSnapshot(gateway.ports.admin!), 2)
    const { refusals } = (await gateway.state()).nodes[(await gateway.state()).node]!
    assert.deepEqual(refusals, { 17: REFUSED.noRoute, 2: REFUSED.badCrc })
    const page = await gateway.metrics()
    const { batches, records, bytes } = expected(['e.orders', 'e.audit', 'u.clicks'], 1)
    assert.equal(metric(page, 'sluice_batches_total'), batches)
    assert.equal(metric(page, 'sluice_records_total'), records)
    assert.equal(metric(page, 'sluice_record_bytes_total'), bytes)
    assert.equal(metric(page, 'sluice_acks_total'), batches)
    assert.equal(metric(page, 'sluice_ack_seconds_count'), batches)
    assert.equal(
      metric(page, 'sluice_topic_records_total', 'topic="u.clicks"'),
      expected(['u.clicks'], 1).records,
    )
    assert.equal(metric(page, 'sluice_refused_batches_total'), REFUSED.noRoute + REFUSED.badCrc)
    const produced = batches + REFUSED.noRoute + REFUSED.badCrc
    assert.equal(metric(page, 'sluice_requests_total', 'api="Produce"'), produced)
  }
})
