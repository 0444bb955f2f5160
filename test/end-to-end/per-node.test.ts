import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Control } from '#gateway/control.ts'
import type { LiveNode } from '#gateway/live-nodes.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { createLog } from '#telemetry/log.ts'
import { sandboxOf } from '#test/end-to-end/reload-stage.ts'
import { configOf } from '#test/gateway/config-fixture.ts'
import { produceOne } from '#test/sandbox/kit.ts'
import { type RawClient, withClient } from '#test/support/raw-client.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })
const PARTITIONS = 3
const TOPICS = Array.from({ length: 20 }, (_, i) => `t.${i}`)

/** In per_node mode; `{node}` stands where it reads as an address of this machine. */
function nodeOf(id: string, sandbox: Sandbox, clusters = ['one', 'two']): Control {
  const entries = clusters.map((name, i) => {
    return `  - { name: ${name}, portOffset: ${i + 1}, bootstrapServers: ['${sandbox.bootstrap}'] }`
  })
  const config = configOf(`version: 1
clusterId: test
node: { id: ${id}, workers: 1 }
listeners:
  - { name: public, bind: "127.0.0.1:0", advertised: { mode: per_node, host: "{node}.gw.test" } }
clusters:
${entries.join('\n')}
routes:
  - { match: default, cluster: one }
refresh: { interval: 1s }
`)
  return new Control(config, { forked: false }, log)
}

interface Seen {
  brokers: Map<number, string>
  leaders: Map<string, number>
  errors: number[]
}

async function metadata(client: RawClient): Promise<Seen> {
  const answer = await client.request('metadata', 7, { topics: TOPICS.map((name) => ({ name })) })
  const leaders = answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, leaderId }) => [`${name}-${partitionIndex}`, leaderId] as const),
  )
  return {
    brokers: new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`])),
    leaders: new Map(leaders),
    errors: answer.topics.map(({ errorCode }) => errorCode),
  }
}

describe('per_node: two nodes that know of each other', () => {
  let sandbox: Sandbox
  let a: Control
  let b: Control
  before(async () => {
    sandbox = await sandboxOf('one', TOPICS)
    a = nodeOf('a', sandbox)
    b = nodeOf('b', sandbox)
    await Promise.all([a.start(), b.start()])
  })
  after(async () => {
    a?.stop()
    b?.stop()
    await sandbox?.close()
  })

  const seenBy = (control: Control) => withClient(control.pool.ports.public!, metadata)

  /** Tells both, and waits until their workers have heard of it. */
  async function live(nodes: LiveNode[], brokers: number): Promise<[Seen, Seen]> {
    for (const control of [a, b]) control.setNodes(nodes)
    return [await seenWith(a, brokers), await seenWith(b, brokers)]
  }

  /** What a node tells once its worker has heard of so many brokers. */
  async function seenWith(control: Control, brokers: number): Promise<Seen> {
    for (const deadline = Date.now() + 20_000; ; ) {
      const seen = await seenBy(control)
      if (seen.brokers.size === brokers) return seen
      assert.ok(Date.now() < deadline, `${seen.brokers.size} brokers, not ${brokers}`)
    }
  }

  test('alone each shows itself, as leader of everything', async () => {
    for (const control of [a, b]) {
      const { brokers, leaders } = await seenBy(control)
      const { id } = control.config.node
      const first = slotOf(id) * 1024
      assert.deepEqual(
        new Set([...brokers.values()].map((each) => each.split(':')[0])),
        new Set([`${id}.gw.test`]),
      )
      assert.ok([...brokers.keys()].every((broker) => broker >> 10 === slotOf(id)))
      assert.equal(leaders.size, TOPICS.length * PARTITIONS)
      const own = first + control.config.clusters[0]!.id
      assert.deepEqual(new Set(leaders.values()), new Set([own]))
    }
  })

  test('together both show the same brokers and the same leaders, and each leads some', async () => {
    const [one, other] = await live([a.self, b.self], 4)
    assert.deepEqual(one, other)
    const { id } = a.config.clusters[0]!
    const counts = new Map<number, number>()
    for (const leader of one.leaders.values()) counts.set(leader, (counts.get(leader) ?? 0) + 1)
    assert.deepEqual(new Set(counts.keys()), new Set(['a', 'b'].map((node) => slotOf(node) * 1024 + id)))
    for (const count of counts.values()) assert.ok(count >= 10, `${[...counts.values()]}`)
    for (const node of [a, b]) {
      const address = `${node.config.node.id}.gw.test:${node.pool.ports['public/one']}`
      assert.equal(one.brokers.get(slotOf(node.config.node.id) * 1024 + id), address)
    }
  })

  test('any node serves any partition, whoever leads it', async () => {
    for (const control of [a, b]) {
      await withClient(control.pool.ports['public/one']!, async (client) => {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          assert.equal((await produceOne(client, { topic: 't.0', partition })).errorCode, 0)
        }
      })
    }
    assert.equal(sandbox.endOffset('t.0', 0), 2)
  })

  test('one that drains leaves the others to lead, itself included in who is told', async () => {
    const [one, other] = await live([b.self], 2)
    assert.deepEqual(one, other, 'the clients of the node that drains are told of the other')
    const leaders = new Set([...one.leaders.values()].map((leader) => leader >> 10))
    assert.deepEqual(leaders, new Set([slotOf('b')]))
  })

  test('a cluster that one node does not serve yet: no broker, and its topics answer 5', async () => {
    const late = nodeOf('late', sandbox)
    await late.start()
    try {
      const { listeners, ...rest } = a.self
      const { public: shown } = listeners
      const { two: _, ...clusters } = shown!.clusters
      const old: LiveNode = { ...rest, listeners: { public: { ...shown!, clusters: {} } } }
      late.setNodes([late.self, old])
      const none = await seenWith(late, 0)
      assert.deepEqual(new Set(none.errors), new Set([5]))
      late.setNodes([late.self, { ...old, listeners: { public: { ...shown!, clusters } } }])
      const { errors } = await seenWith(late, 2)
      assert.deepEqual(new Set(errors), new Set([0]), 'cluster one is served by both, two by one')
    } finally {
      late.stop()
    }
  })
})
