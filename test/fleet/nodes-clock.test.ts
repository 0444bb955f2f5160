import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Crew, story } from '#test/faults/crew.ts'
import { assertUnharmed, Lookout, untilReadAgain, untilRight, WINDOW } from '#test/fleet/fleet-watch.ts'
import { plainBatch } from '#test/support/batches.ts'
import { FleetStage } from '#test/support/fleet-stage.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { temporaryFolder } from '#test/support/processes.ts'
import { RawClient } from '#test/support/raw-client.ts'
import { until } from '#test/support/redis.ts'

const NAMES = ['gw-1', 'gw-2', 'gw-3']
/** The node whose processes fall ill. */
const ILL = 'gw-2'
const HOUR_MS = 3_600_000
/** Longer than a lease, which a wrong clock might end. */
const WRONG_FOR_MS = 7000
const BLOCK_MS = 2000
const TOPICS = ['t', 'tx']
const TOGETHER = Object.fromEntries(NAMES.map((name) => [name, ['gw-1 gw-2 gw-3']]))

const folder = temporaryFolder()
let cluster: KafkaCluster
let fleet: FleetStage
let crew: Crew
before(async () => {
  cluster = await startCluster({ version: '4.4.0' })
  await cluster.createTopics([
    { topic: 't', partitions: 6 },
    { topic: 'tx', partitions: 1 },
  ])
  const illness = pathToFileURL(join(import.meta.dirname, 'ill-process.ts')).href
  fleet = await FleetStage.open({
    nodes: 3,
    clusters: { c: cluster.bootstrap },
    routes: { t: 'c' },
    window: WINDOW,
    env: { [ILL]: { NODE_OPTIONS: `--import=${illness}`, ILL_FOLDER: folder } },
  })
  await fleet.startNodes(NAMES)
  await untilRight(fleet, { nodes: NAMES, topics: TOPICS, readSince: 0 })
  const kinds = ['java', 'rdkafka-once', 'franz'] as const
  crew = await Crew.start({ bootstrap: fleet.bootstrap, topics: ['t'], kinds: [...kinds] })
  await crew.goOn(20)
})
after(async () => {
  await crew?.kill()
  await fleet?.close()
  await cluster?.close()
})

/** What the processes of the node wrote of themselves, once they all have. */
async function obeyed(pids: readonly number[], what: 'clock' | 'block'): Promise<number[]> {
  const files = pids.map((pid) => join(folder, `${pid}.${what}`))
  const written = (file: string): boolean => existsSync(file) && readFileSync(file, 'utf8') !== ''
  await until(
    30_000,
    () => files.every(written),
    () => `not all have obeyed: ${files.filter((file) => !written(file))}`,
  )
  const said = files.map((file) => Number(readFileSync(file, 'utf8')))
  for (const file of files) rmSync(file)
  return said
}

async function setClock(wrongBy: number): Promise<void> {
  writeFileSync(join(folder, 'clock'), `${wrongBy}`)
  const said = await obeyed(fleet.pids(ILL), 'clock')
  assert.deepEqual(said, [wrongBy, wrongBy, wrongBy], 'control process and workers')
}

async function block(pids: readonly number[]): Promise<void> {
  writeFileSync(join(folder, 'block'), `${BLOCK_MS}`)
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  for (const ms of await obeyed(pids, 'block')) assert.ok(ms >= BLOCK_MS)
}

test('row 28: the clock of one node jumps by 1 h, by -2 h, and back', async () => {
  const lookout = new Lookout(fleet)
  const { running } = fleet.gateways.get(ILL)!
  for (const wrongBy of [HOUR_MS, -HOUR_MS, 0]) {
    await setClock(wrongBy)
    const { ts } = await fleet.gateways.get(ILL)!.state()
    assert.ok(Math.abs(ts - Date.now() - wrongBy) < HOUR_MS / 2, `its clock is wrong by ${wrongBy} ms`)
    await running.waitForLine(wrongBy === 0 ? /the clock is right again/ : /the clock is wrong/, 30_000)
    await Promise.all([crew.goOn(40), pause(WRONG_FOR_MS)])
    await untilReadAgain(fleet)
  }
  assert.deepEqual(Object.fromEntries(await lookout.stop()), TOGETHER, 'no lease has ended')
  await untilRight(fleet, { nodes: NAMES, topics: TOPICS, readSince: Date.now() })
})

test('row 29: the control process stands still for 2 s, again and again: no lease ends', async () => {
  const lookout = new Lookout(fleet)
  for (let i = 0; i < 3; i++) {
    await block(fleet.pids(ILL).slice(0, 1))
    await crew.goOn(20)
  }
  assert.deepEqual(Object.fromEntries(await lookout.stop()), TOGETHER)
  await untilRight(fleet, { nodes: NAMES, topics: TOPICS, readSince: Date.now() })
})

test('row 29: workers stand still for 2 s: batches are answered within their time all the same', async () => {
  const lookout = new Lookout(fleet)
  const client = await RawClient.connect(fleet.gateways.get(ILL)!.port)
  client.send(Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1000 2000\r\n'))
  const timeoutMs = 6000
  const produce = async (): Promise<number> => {
    const records = plainBatch('v')
    const topicData = [{ name: 'tx', partitionData: [{ index: 0, records }] }]
    const body = { transactionalId: null, acks: -1, timeoutMs, topicData }
    const { responses } = await client.request('produce', 9, body)
    return responses[0]!.partitionResponses[0]!.errorCode
  }
  try {
    assert.equal(await produce(), 0)
    cluster.brokers[0]!.pause()
    const begin = performance.now()
    const [code] = await Promise.all([produce(), block(fleet.pids(ILL).slice(1))])
    const ms = performance.now() - begin
    assert.ok(code === 7 || code === 19, `answered ${code}`)
    assert.ok(ms > BLOCK_MS && ms < timeoutMs, `answered after ${ms} ms, before the client gives up`)
  } finally {
    cluster.brokers[0]!.resume()
    await client.close()
  }
  await crew.goOn(20)
  await block(fleet.pids(ILL).slice(1))
  await crew.goOn(20)
  assert.deepEqual(Object.fromEntries(await lookout.stop()), TOGETHER)
})

test('P holds after all of it, and no application saw an error', async (t) => {
  await untilRight(fleet, { nodes: NAMES, topics: TOPICS, readSince: Date.now() })
  t.diagnostic(story(await assertUnharmed(cluster, crew)))
})
