import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { State } from '#status/contract.ts'
import { assertCriterion, ledgerOf } from '#test/support/criterion.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog, startJavaProducer } from '#test/support/java-client.ts'
import { type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import { workerPids } from '#test/support/neighbours.ts'
import { within } from '#test/support/processes.ts'
import type { RunningProducer } from '#test/support/producer-process.ts'
import type { ProducerSpec } from '#test/support/producer-spec.ts'
import { startPythonProducer } from '#test/support/python-client.ts'
import { RawClient } from '#test/support/raw-client.ts'

const CLIENTS = 40

describe('a worker killed under load', () => {
  let cluster: KafkaCluster
  let gateway: Gateway
  const producers: RunningProducer[] = []

  before(async () => {
    cluster = await startCluster({ version: '4.4.0' })
    await cluster.createTopics([
      { topic: 'one', partitions: 3 },
      { topic: 'two', partitions: 1 },
    ])
    gateway = await startGateway({
      clusters: { c: cluster.bootstrap },
      routes: { one: 'c', two: 'c' },
      settings: { node: { id: 'gw-test', workers: 2 } },
    })
  })
  after(async () => {
    for (const producer of producers) await producer.kill()
    await gateway?.close()
    await cluster?.close()
  })

  test('its clients lose nothing, the others keep their connections, another takes its place', async () => {
    const spec = (name: string, properties: Record<string, string> = {}): ProducerSpec => ({
      name,
      bootstrap: gateway.bootstrap,
      properties,
      generate: { topics: ['one', 'two'], perSecond: 300, count: 3000 },
    })
    // Several of each kind, so that either worker has some.
    producers.push(
      ...(await Promise.all([
        startJavaProducer(spec('java-1')),
        startJavaProducer(spec('java-2')),
        ...[1, 2, 3].map((i) => startPythonProducer(spec(`rd-${i}`, { 'enable.idempotence': 'true' }))),
        startPythonProducer(spec('rd-plain')),
      ])),
    )
    await Promise.all(producers.map((producer) => producer.waitForOutcomes(100)))
    const totals = new Totals(gateway)
    for (let round = 0; round < 2; round++) await killOne(round)
    const ledgers = []
    for (const producer of producers) {
      const outcomes = await producer.finish()
      const failed = outcomes.filter(({ error }) => error !== null)
      assert.deepEqual(failed, [], producer.spec.name)
      const idempotent = producer.spec.name !== 'rd-plain'
      ledgers.push(ledgerOf(producer.spec, outcomes, { idempotent, ordered: idempotent }))
    }
    await totals.finish()
    assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['one', 'two']) } })
  })

  async function killOne(round: number): Promise<void> {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => RawClient.connect(gateway.ports['public/c']!)),
    )
    for (const client of clients) assert.equal((await client.request('apiVersions', 0, {})).errorCode, 0)
    const pids = workerPids(gateway.running.pid)
    assert.equal(pids.length, 2)
    const [victim, survivor] = round === 0 ? pids : pids.toReversed()
    const lost = clientsOf(victim!, clients)
    const kept = clientsOf(survivor!, clients)
    assert.equal(lost.length + kept.length, CLIENTS)
    assert.ok(lost.length > 0 && kept.length > 0, `${lost.length} of ${CLIENTS}`)

    process.kill(victim!, 'SIGKILL')
    await Promise.all(lost.map(({ closed }) => closed))
    for (const client of kept) assert.equal((await client.request('apiVersions', 0, {})).errorCode, 0)
    const replaced = within(30_000, replacementOf(victim!, survivor!), () => gateway.log().slice(-4000))
    await within(30_000, untilServing(await replaced), () => gateway.log().slice(-4000))
    assert.match(gateway.log(), /"msg":"a worker died/)
    assert.ok(kept.every(({ isClosed }) => !isClosed))
    await Promise.all(kept.map((client) => client.close()))
  }

  async function replacementOf(victim: number, survivor: number): Promise<number> {
    for (;;) {
      const pids = workerPids(gateway.running.pid)
      assert.ok(pids.includes(survivor))
      const newcomer = pids.find((pid) => pid !== survivor && pid !== victim)
      if (newcomer !== undefined) return newcomer
      await pause(50)
    }
  }

  /** Connects again and again until the new worker gets some, and answers. */
  async function untilServing(pid: number): Promise<void> {
    for (;;) {
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => RawClient.connect(gateway.ports['public/c']!)),
      )
      for (const client of clients) assert.equal((await client.request('apiVersions', 0, {})).errorCode, 0)
      const own = clientsOf(pid, clients)
      await Promise.all(clients.map((client) => client.close()))
      if (own.length > 0) return
    }
  }
})

/** Watches that no total of the node ever goes back. */
class Totals {
  readonly #gateway: Gateway
  readonly #watching: Promise<void>
  #stopped = false

  constructor(gateway: Gateway) {
    this.#gateway = gateway
    this.#watching = this.#watch()
    this.#watching.catch(() => {})
  }

  async #watch(): Promise<void> {
    let before = numbersOf(await this.#gateway.state())
    while (!this.#stopped) {
      await pause(50)
      const now = numbersOf(await this.#gateway.state())
      for (const [name, count] of Object.entries(before)) {
        assert.ok(now[name]! >= count, `${name} went from ${count} to ${now[name]}`)
      }
      before = now
    }
  }

  async finish(): Promise<void> {
    this.#stopped = true
    await this.#watching
  }
}

function numbersOf(state: State): Record<string, number> {
  const { accepted, bytesRead, bytesWritten, closed } = state.nodes['gw-test']!
  const { totals, connects } = state.clusters.c!
  const reasons = Object.entries(closed).map(([reason, count]) => [`closed.${reason}`, count])
  return { accepted, bytesRead, bytesWritten, connects, ...totals, ...Object.fromEntries(reasons) }
}

/** Those whose connections end in a process, found by its open sockets. */
function clientsOf(pid: number, clients: readonly RawClient[]): RawClient[] {
  const inodes = new Set<string>()
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    // It may be closed by the time it is looked at.
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1]
      if (inode) inodes.add(inode)
    } catch {}
  }
  const ports = new Set<number>()
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, , remote, , , , , , , inode] = line.trim().split(/\s+/)
    if (inode && inodes.has(inode)) ports.add(Number.parseInt(remote!.split(':')[1]!, 16))
  }
  return clients.filter(({ socket }) => ports.has(socket.localPort!))
}
