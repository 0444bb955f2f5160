import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { RouteTable } from '#gateway/route.ts'
import { type TopicEntry, Topics } from '#gateway/topics.ts'
import type { Cluster } from '#upstream/cluster.ts'

/** A cluster that knows these topics, and counts who asks. */
class FakeCluster {
  readonly counts = new Map<string, number>()
  readonly internal = new Set<string>()
  readonly asked: { topic: string; mayCreate: boolean }[] = []
  down = false
  /** The error for a topic that it does not know. */
  unknown = 3
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve()

  async describe([topic]: string[], mayCreate: boolean) {
    this.asked.push({ topic: topic!, mayCreate })
    await this.gate
    if (this.down) throw new Error('out of reach')
    if (mayCreate) this.counts.set(topic!, 1)
    const partitions = new Array(this.counts.get(topic!) ?? 0).fill({})
    const errorCode = partitions.length > 0 ? 0 : this.unknown
    return { topics: [{ name: topic, errorCode, isInternal: this.internal.has(topic!), partitions }] }
  }
}

let [eu, us]: FakeCluster[] = []
let learned: [string, string, TopicEntry][] = []
let topics: Topics

function make(asksPerSecond = 1000): Topics {
  const routes = new RouteTable([
    { match: { prefix: 'eu.' }, cluster: 'eu' },
    { match: { prefix: 'us.' }, cluster: 'us' },
  ])
  const clusters = new Map(Object.entries({ eu, us })) as unknown as ReadonlyMap<string, Cluster>
  return new Topics(routes, clusters, asksPerSecond, (...news) => learned.push(news))
}

beforeEach(() => {
  ;[eu, us] = [new FakeCluster(), new FakeCluster()]
  learned = []
  topics = make()
})

const entry = (partitions: number, internal = false) => ({ partitions, internal })

describe('what the map says', () => {
  test('is known without asking anybody', () => {
    topics.apply('eu', { 'eu.a': entry(3) })
    assert.deepEqual(topics.known('eu.a'), { errorCode: 0, cluster: 'eu', partitions: 3, internal: false })
    assert.equal(topics.known('eu.b'), null)
    topics.apply('eu', { 'eu.a': null })
    assert.equal(topics.known('eu.a'), null)
  })

  test('where clients may write a topic follows routes and map at once', () => {
    assert.equal(topics.clusterOf('eu.a'), 'eu', 'the cluster knows best whether it is there')
    assert.equal(topics.clusterOf('elsewhere'), null)
    assert.equal(topics.clusterOf('eu.not a name'), null)
    topics.apply('eu', { 'eu.a': entry(3, true) })
    assert.equal(topics.clusterOf('eu.a'), null, 'internal')
    topics.apply('eu', { 'eu.a': null })
    assert.equal(topics.clusterOf('eu.a'), 'eu')
    topics.routes = new RouteTable([{ match: { prefix: 'eu.' }, cluster: 'us' }])
    assert.equal(topics.clusterOf('eu.a'), 'us')
  })

  test('counts only on the cluster that the route names', () => {
    topics.apply('us', { 'eu.a': entry(3), 'us.b': entry(2) })
    assert.equal(topics.known('eu.a'), null)
    assert.deepEqual(
      [...topics.all()].map(([name, { cluster }]) => [name, cluster]),
      [['us.b', 'us']],
    )
  })

  test('of an internal topic is that no client may see it', () => {
    topics.apply('eu', { 'eu.internal': entry(50, true), 'eu.a': entry(1) })
    assert.equal(topics.known('eu.internal')!.errorCode, 17)
    assert.deepEqual(
      [...topics.all()].map(([name]) => name),
      ['eu.a'],
    )
  })

  test('a topic without a route is 17', () => {
    assert.deepEqual(topics.known('nowhere'), {
      errorCode: 17,
      cluster: null,
      partitions: 0,
      internal: false,
    })
  })
})

describe('a name that the map does not have', () => {
  test('is asked of its cluster, and known from then on, to all', async () => {
    us!.counts.set('us.new', 4)
    assert.deepEqual(await topics.ask('us.new', false), {
      errorCode: 0,
      cluster: 'us',
      partitions: 4,
      internal: false,
    })
    assert.equal(topics.known('us.new')!.partitions, 4)
    assert.deepEqual(learned, [['us', 'us.new', entry(4)]])
    assert.equal(eu!.asked.length, 0)
  })

  test('is asked once for all who want to know', async () => {
    eu!.counts.set('eu.new', 4)
    const answers = await Promise.all(Array.from({ length: 20 }, () => topics.ask('eu.new', false)))
    assert.equal(eu!.asked.length, 1)
    assert.ok(answers.every(({ partitions }) => partitions === 4))
  })

  test('is 3 when the cluster says so, and is not asked again for a second', async (context) => {
    let time = 5_000_000
    context.mock.method(performance, 'now', () => time)
    assert.equal((await topics.ask('eu.no', false)).errorCode, 3)
    time += 990
    assert.equal((await topics.ask('eu.no', false)).errorCode, 3)
    assert.equal(eu!.asked.length, 1)
    time += 20
    await topics.ask('eu.no', false)
    assert.equal(eu!.asked.length, 2)
  })

  test('that the cluster refuses for another reason is not asked again either', async () => {
    eu!.unknown = 29
    assert.equal((await topics.ask('eu.secret', false)).errorCode, 29)
    assert.equal((await topics.ask('eu.secret', false)).errorCode, 29)
    assert.equal(eu!.asked.length, 1)
  })

  test('is believed at once when news of it comes', async () => {
    await topics.ask('eu.soon', false)
    topics.apply('eu', { 'eu.soon': entry(2) })
    assert.equal(topics.known('eu.soon')!.partitions, 2)
    topics.apply('eu', { 'eu.soon': null })
    eu!.counts.set('eu.soon', 5)
    assert.equal((await topics.ask('eu.soon', false)).partitions, 5)
  })

  test('is 5, not 3, while the cluster cannot be asked', async () => {
    eu!.down = true
    eu!.counts.set('eu.a', 1)
    assert.equal((await topics.ask('eu.a', false)).errorCode, 5)
    eu!.down = false
    assert.equal((await topics.ask('eu.a', false)).errorCode, 0, 'a failure is not remembered')
  })

  test('that turns out to be internal is hidden', async () => {
    eu!.counts.set('eu.internal', 50)
    eu!.internal.add('eu.internal')
    assert.equal((await topics.ask('eu.internal', false)).errorCode, 17)
  })

  test('may be created if that client wants it, also while another asks without', async () => {
    const open = Promise.withResolvers<void>()
    eu!.gate = open.promise
    const without = topics.ask('eu.fresh', false)
    const wanting = topics.ask('eu.fresh', true)
    open.resolve()
    await without
    assert.equal((await wanting).errorCode, 0)
    assert.deepEqual(
      eu!.asked.map(({ mayCreate }) => mayCreate),
      [false, true],
    )
  })
})

test('so many questions per second and cluster; the others are answered 5', async (context) => {
  let time = 7_000_000
  context.mock.method(performance, 'now', () => time)
  topics = make(50)
  const ask = (cluster: string, from: number) =>
    Promise.all(Array.from({ length: 60 }, (_, i) => topics.ask(`${cluster}.${from + i}`, false)))
  const codes = (await ask('eu', 0)).map(({ errorCode }) => errorCode)
  assert.deepEqual(
    [codes.filter((code) => code === 3).length, codes.filter((code) => code === 5).length],
    [50, 10],
  )
  assert.equal(eu!.asked.length, 50)
  assert.equal(
    (await ask('us', 0)).filter(({ errorCode }) => errorCode === 3).length,
    50,
    'a budget of its own',
  )
  time += 1000
  assert.equal((await ask('eu', 100)).filter(({ errorCode }) => errorCode === 3).length, 50)
})
