import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { TopicReader } from '#fleet/refresher.ts'
import { createLog } from '#telemetry/log.ts'
import { ledBy, StubBroker } from '#test/upstream/stub-broker.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })
const broker = new StubBroker()
/** What kafkajs 2.2.4 speaks. */
broker.ranges = { 3: [0, 6], 18: [0, 2] }

/** Topics of the cluster with their counts, and those that a broker cannot tell of as a whole. */
const counts = new Map<string, number>()
const bad = new Map<string, 'no leader' | 'error'>()
let reader: TopicReader

before(() => broker.listen())
beforeEach(() => {
  counts.clear()
  bad.clear()
  for (let i = 0; i < 20; i++) counts.set(`t${i}`, i + 1)
  broker.topics = (names) => (names?.length ? names : [...counts.keys()]).map(answerFor)
  broker.questions.length = 0
})
after(async () => {
  await reader.close()
  await broker.close()
})

function answerFor(name: string) {
  const how = bad.get(name)
  if (how === 'error' || !counts.has(name)) return { name, errorCode: how ? 29 : 3 }
  return ledBy(name, new Array(counts.get(name)!).fill(1).with(-1, how ? -1 : 1))
}

function newReader(
  names = async () => new Map([...counts.keys()].map((name) => [name, { internal: false }])),
) {
  const cluster = { name: 'eu', clientId: 'me', brokers: [`127.0.0.1:${broker.port}`] }
  reader = new TopicReader(cluster, names, log)
  return reader
}

async function read(from = newReader()) {
  try {
    const { topics, failed } = await from.read()
    const read = Object.fromEntries([...topics].map(([name, { partitions }]) => [name, partitions]))
    return { read, failed: [...failed].sort() }
  } finally {
    await from.close()
  }
}

const without = (...names: string[]) =>
  Object.fromEntries([...counts].filter(([name]) => !names.includes(name)))

describe('a reading', () => {
  test('has the partition count of every topic', async () => {
    assert.deepEqual(await read(), { read: without(), failed: [] })
  })

  test('has the internal flag that the names came with', async () => {
    counts.set('__consumer_offsets', 50)
    const names = async () =>
      new Map([...counts.keys()].map((name) => [name, { internal: name.startsWith('__') }]))
    const { topics } = await newReader(names).read()
    await reader.close()
    assert.deepEqual(topics.get('__consumer_offsets'), { partitions: 50, internal: true })
    assert.deepEqual(topics.get('t0'), { partitions: 1, internal: false })
  })

  test('asks about 500 topics at a time', async () => {
    for (let i = 0; i < 1200; i++) counts.set(`many${i}`, 1)
    const { read: found } = await read()
    assert.equal(Object.keys(found).length, 1220)
    const named = broker.questions.filter((names) => names !== null).map((names) => names!.length)
    assert.ok(Math.max(...named) <= 500, `${Math.max(...named)} in one question`)
  })

  for (const how of ['no leader', 'error'] as const) {
    test(`leaves out only the topics that cannot be read (${how})`, async () => {
      for (const name of ['t0', 't7', 't19']) bad.set(name, how)
      assert.deepEqual(await read(), { read: without('t0', 't7', 't19'), failed: ['t0', 't19', 't7'] })
    })
  }

  test('of a cluster whose topics are all bad fails for each of them', async () => {
    for (const name of counts.keys()) bad.set(name, 'no leader')
    assert.deepEqual(await read(), { read: {}, failed: [...counts.keys()].sort() })
  })

  test('of an empty cluster is empty', async () => {
    counts.clear()
    assert.deepEqual(await read(), { read: {}, failed: [] })
  })

  test('fails as a whole when the names cannot be had', async () => {
    const names = () => Promise.reject(new Error('nobody answers'))
    await assert.rejects(newReader(names).read(), /nobody answers/)
  })
})

test('a reader keeps its connection, and begins with a fresh one after a failure', async () => {
  const from = newReader()
  await from.read()
  const before = broker.connections
  await from.read()
  assert.equal(broker.connections, before)
  for (const socket of broker.sockets) socket.destroy()
  await from.read().catch(() => {})
  assert.equal((await from.read()).topics.size, 20)
  await from.close()
})

test('a cluster that is not there is an error', async () => {
  const cluster = { name: 'eu', clientId: 'me', brokers: ['127.0.0.1:1'] }
  const gone = new TopicReader(cluster, async () => new Map([['t', { internal: false }]]), log)
  await assert.rejects(gone.read())
  await gone.close()
})
