import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { applicationErrors, Crew, type CrewOptions, story } from '#test/faults/crew.ts'
import { assertCriterion, type Ledger } from '#test/support/criterion.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import { type KafkaBroker, type KafkaCluster, startCluster } from '#test/support/kafka.ts'
import type { KafkaVersion } from '#test/support/kafka-install.ts'
import { leaderOf } from '#test/support/raw-client.ts'

/** A killed broker is missed, and may come back, after 3 s; leaderships return to the preferred broker in 1 s. */
const PROPERTIES = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'leader.imbalance.check.interval.seconds': '1',
  'leader.imbalance.per.broker.percentage': '0',
}

/** Errors that only a broker may raise: none is to reach a client because of a fault. */
const NEVER = [6, 45, 46, 47, 59, 90]

/**
 * A cluster of three brokers (replication factor 3, min.insync.replicas 2), a fault proxy before each of them,
 * a second cluster with one broker of another version, and a gateway in front of both. Topics that begin with
 * `t` belong to the first, with `o` to the other.
 */
export class KafkaStage {
  readonly three: KafkaCluster
  readonly other: KafkaCluster
  readonly proxies: FaultProxy[]
  readonly gateway: Gateway
  #topics = 0
  /** Made and not deleted. */
  readonly #live: string[] = []

  /** @param versions of the three brokers, and of the other cluster */
  static async open(versions: [KafkaVersion, KafkaVersion] = ['4.4.0', '3.9.2']): Promise<KafkaStage> {
    const proxies = await Promise.all([1, 2, 3].map(() => FaultProxy.start()))
    const doors = proxies.map(({ port }) => port)
    const starting = [
      startCluster({ version: versions[0], nodes: 3, properties: PROPERTIES, doors }),
      startCluster({ version: versions[1] }),
    ] as const
    const [three, other] = await Promise.all(starting).catch(async (error) => {
      const closed = starting.map((one) => one.then((cluster) => cluster.close()).catch(() => {}))
      await Promise.all([...closed, ...proxies.map((proxy) => proxy.close())])
      throw error
    })
    for (const [i, proxy] of proxies.entries()) proxy.target = three.brokers[i]!.doorPort
    const bootstrap = doors.map((port) => `127.0.0.1:${port}`).join(',')
    const gateway = await startGateway({
      clusters: { three: bootstrap, other: other.bootstrap },
      routes: { t: 'three', o: 'other' },
    })
    return new KafkaStage(three, other, proxies, gateway)
  }

  private constructor(three: KafkaCluster, other: KafkaCluster, proxies: FaultProxy[], gateway: Gateway) {
    this.three = three
    this.other = other
    this.proxies = proxies
    this.gateway = gateway
  }

  async close(): Promise<void> {
    await this.gateway.close()
    await Promise.all(this.proxies.map((proxy) => proxy.close()))
    await Promise.all([this.three.close(), this.other.close()])
  }

  /** A topic nobody else uses. @param letter t for the three brokers, o for the other cluster */
  async topic(letter: 't' | 'o' = 't', partitions = 6): Promise<string> {
    const topic = `${letter}.${++this.#topics}`
    const cluster = letter === 't' ? this.three : this.other
    await cluster.createTopics([{ topic, partitions }])
    this.#live.push(topic)
    return topic
  }

  /** Deletes topics that were made during some work, so that a long run does not pile them up. */
  async deletingTopics<T>(work: () => Promise<T>): Promise<T> {
    const from = this.#live.length
    const result = await work()
    const made = this.#live.splice(from)
    const on = (letter: string) => made.filter((topic) => topic.startsWith(letter))
    // A broker may be busy still with what was done to it: what stays behind does no harm.
    if (on('t').length > 0) await this.three.deleteTopics(on('t')).catch(() => {})
    if (on('o').length > 0) await this.other.deleteTopics(on('o')).catch(() => {})
    return result
  }

  /** Starts a broker again. On a machine that is busy otherwise that may take minutes. */
  async restart(broker: KafkaBroker): Promise<void> {
    if (broker.isRunning) await broker.stop().catch(() => broker.stop())
    await broker.launch()
    for (let attempt = 1; ; attempt++) {
      const late = await broker.waitUntilReady().then(
        () => null,
        (error: Error) => error,
      )
      if (!late) return
      if (attempt === 4 || !broker.isRunning) throw late
    }
  }

  /** Waits until all replicas of the three brokers' topics are in sync. */
  async inSync(): Promise<void> {
    for (const topic of this.#live) if (topic.startsWith('t')) await this.three.waitUntilInSync(topic)
  }

  async leader(topic: string, partition = 0): Promise<KafkaBroker> {
    const { port } = await leaderOf(
      this.three.brokers.find(({ isRunning }) => isRunning)!.port,
      topic,
      partition,
    )
    return this.three.brokers.find((broker) => broker.port === port)!
  }

  /**
   * Lets producers send while something happens, and holds what is stored against what they were told.
   *
   * @param trouble called once everybody sends, and is followed by the end of all producers
   * @param tolerated codes that the gateway may answer meanwhile; none of NEVER
   */
  async under(
    options: Omit<CrewOptions, 'bootstrap'>,
    tolerated: number[],
    trouble: (crew: Crew) => Promise<void>,
  ): Promise<{ ledgers: Ledger[]; told: string }> {
    const before = await this.#errorCodes()
    const crew = await Crew.start({ bootstrap: this.gateway.bootstrap, ...options })
    try {
      await crew.goOn(20)
      await trouble(crew)
      const ledgers = await crew.finish()
      await this.#check(ledgers, options.topics)
      const codes = difference(before, await this.#errorCodes())
      const wrong = [...codes.keys()].filter((code) => NEVER.includes(code) || !tolerated.includes(code))
      assert.deepEqual(wrong, [], `answered by the gateway: ${JSON.stringify([...codes])}`)
      const said = [...codes].map(([code, times]) => `${code}×${times}`).join(' ') || 'no error'
      return { ledgers, told: `gateway answered ${said}; ${story(ledgers)}` }
    } finally {
      await crew.kill()
    }
  }

  async #check(ledgers: Ledger[], topics: string[]): Promise<void> {
    const at = (letter: string) => topics.filter((topic) => topic.startsWith(letter))
    const clusters: Record<string, Awaited<ReturnType<typeof readLog>>> = {}
    if (at('t').length > 0) clusters.three = await readLog(this.three.bootstrap, at('t'))
    if (at('o').length > 0) clusters.other = await readLog(this.other.bootstrap, at('o'))
    assertCriterion(ledgers, {
      clusters,
      clusterOf: (topic) => (topic.startsWith('t') ? 'three' : 'other'),
    })
  }

  /** The workers report once a second. */
  async #errorCodes(): Promise<Map<number, number>> {
    await pause(1200)
    const codes = new Map<number, number>()
    for (const { errorCodes } of Object.values((await this.gateway.state()).clusters)) {
      for (const [code, times] of Object.entries(errorCodes)) {
        codes.set(Number(code), (codes.get(Number(code)) ?? 0) + times)
      }
    }
    return codes
  }
}

function difference(before: Map<number, number>, after: Map<number, number>): Map<number, number> {
  const more = [...after].map(([code, times]): [number, number] => [code, times - (before.get(code) ?? 0)])
  return new Map(more.filter(([, times]) => times > 0))
}

/** No application may have seen an error. */
export function assertNoErrors(ledgers: Ledger[]): void {
  assert.deepEqual(applicationErrors(ledgers), [])
}
