import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { State } from '#status/contract.ts'
import type { Crew } from '#test/faults/crew.ts'
import { applicationErrors } from '#test/faults/crew.ts'
import { assertCriterion, type Ledger } from '#test/support/criterion.ts'
import type { FleetStage } from '#test/support/fleet-stage.ts'
import { liveIds } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import type { KafkaCluster } from '#test/support/kafka.ts'
import { until } from '#test/support/redis.ts'

/** The fleet-wide budget of cluster `c` in tests that look at grants. */
export const WINDOW = { lanes: 12, submissionsPerSecond: 300 }
const IN_FLIGHT_BYTES = 64 * 1024 * 1024
const PATIENCE_MS = 60_000
/** What Java, librdkafka and franz-go wait for an answer at most, as they are set up here. */
const REQUEST_TIMEOUT_MS = 30_000

/** What every node must know of cluster `c` and of the others. */
export interface Expected {
  /** Ids, sorted. */
  nodes: readonly string[]
  topics: readonly string[]
  /** ms since 1970: a reading must have ended since then. */
  readSince: number
}

/** What is not as it should be, on which node or in Redis; empty when all is right. */
export async function wrongs(fleet: FleetStage, expected: Expected): Promise<string[]> {
  const states = await Promise.all(
    [...fleet.gateways].map(async ([name, gateway]) => [name, await gateway.state('fleet')] as const),
  )
  const found = states.flatMap(([name, state]) => wrongOf(state, expected).map((what) => `${name}: ${what}`))
  const sum = (of: (state: State) => number): number => states.reduce((all, [, state]) => all + of(state), 0)
  const lanes = sum(({ clusters }) => clusters.c!.grant.lanes)
  const rate = sum(({ clusters }) => clusters.c!.grant.submissionsPerSecond)
  const bytes = sum(({ clusters }) => clusters.c!.grant.inFlightBytes)
  if (lanes > WINDOW.lanes || rate > WINDOW.submissionsPerSecond || bytes > IN_FLIGHT_BYTES) {
    found.push(`the nodes may use ${lanes} lanes, ${bytes} bytes, ${rate} submissions/s`)
  }
  return [...found, ...(await wrongInRedis(fleet, expected))]
}

function wrongOf(state: State, expected: Expected): string[] {
  const { fleet, clusters } = state
  const { topics, refreshedAt, refreshError, grant } = clusters.c!
  const found: string[] = []
  if (fleet.redis !== 'up') found.push(`Redis is ${fleet.redis}: ${fleet.reason}`)
  const ids = liveIds(state).join(' ')
  if (ids !== expected.nodes.join(' ')) found.push(`it sees ${ids}`)
  if (topics !== expected.topics.length) found.push(`${topics} topics`)
  if ((refreshedAt ?? 0) <= expected.readSince) found.push('the cluster was not read')
  if (refreshError) found.push(refreshError)
  if (grant.stale) found.push('the grant is stale')
  if (grant.overcommitted) found.push('overcommitted')
  return found
}

async function wrongInRedis({ redis: { client } }: FleetStage, expected: Expected): Promise<string[]> {
  const key = (name: string): string => `sluice:v1:${name}`
  const found: string[] = []
  const leases = (await client.hkeys(key('leases'))).sort().join(' ')
  if (leases !== expected.nodes.join(' ')) found.push(`leases of ${leases || 'nobody'}`)
  const schedulers = await client.zcard(key('bull:c:repeat'))
  if (schedulers !== 1) found.push(`${schedulers} schedulers`)
  const topics = (await client.hkeys(key('topics:c'))).sort().join(' ')
  if (topics !== [...expected.topics].sort().join(' ')) found.push(`the map has ${topics || 'nothing'}`)
  const { meta: _, ...callers } = await client.hgetall(key('grants:c'))
  const rows = Object.values(callers).map((text) => JSON.parse(text).r as [number, number, number])
  if (rows.length !== expected.nodes.length) found.push(`grants of ${Object.keys(callers).join(' ')}`)
  const sums = [0, 1, 2].map((i) => rows.reduce((sum, row) => sum + row[i]!, 0))
  const [lanes = 0, bytes = 0, rate = 0] = sums
  if (lanes > WINDOW.lanes || bytes > IN_FLIGHT_BYTES || rate > WINDOW.submissionsPerSecond) {
    found.push(`recorded grants of ${sums}`)
  }
  return found.map((what) => `Redis: ${what}`)
}

/** @returns after how many ms all was right */
export async function untilRight(fleet: FleetStage, expected: Expected): Promise<number> {
  const begin = performance.now()
  let found: string[] = []
  await until(
    PATIENCE_MS,
    async () => (found = await wrongs(fleet, expected)).length === 0,
    () => `not right after ${PATIENCE_MS} ms: ${found.join('; ')}`,
  )
  return performance.now() - begin
}

/** The clusters go on being read, and every node hears of it. */
export async function untilReadAgain(fleet: FleetStage): Promise<void> {
  const looks = [...fleet.gateways].map(async ([name, gateway]) => {
    const { clusters } = await gateway.state()
    const before = clusters.c!.refreshedAt ?? 0
    await gateway.waitFor(`${name} hears of a reading`, (state) => state.clusters.c!.refreshedAt! > before)
  })
  await Promise.all(looks)
}

/** Looks at what a fleet sees of itself, until it is asked for what it saw. */
export class Lookout {
  /** By node: the ids that it saw, whenever they were others than before. */
  readonly seen = new Map<string, string[]>()
  #stopped = false
  readonly #done: Promise<unknown>

  constructor(fleet: FleetStage) {
    this.#done = Promise.all([...fleet.gateways.keys()].map((name) => this.#look(fleet, name)))
  }

  async #look(fleet: FleetStage, name: string): Promise<void> {
    const seen: string[] = []
    this.seen.set(name, seen)
    while (!this.#stopped) {
      const ids = liveIds(await fleet.gateways.get(name)!.state('fleet')).join(' ')
      if (ids !== seen.at(-1)) seen.push(ids)
      await pause(150)
    }
  }

  async stop(): Promise<Map<string, string[]>> {
    this.#stopped = true
    await this.#done
    return this.seen
  }
}

/** P for topic `t`, and that no application saw an error, and no client a timeout. */
export async function assertUnharmed(cluster: KafkaCluster, crew: Crew): Promise<Ledger[]> {
  const ledgers = (await crew.finish()).map((each) => ({ ...each, timeoutMs: REQUEST_TIMEOUT_MS }))
  assertCriterion(ledgers, { clusters: { c: await readLog(cluster.bootstrap, ['t']) } })
  assert.deepEqual(applicationErrors(ledgers), [])
  const timeouts = crew.producers.flatMap((producer) => {
    const lines = producer.log().split('\n')
    return lines.filter((line) => /time[d ]*out/i.test(line)).map((line) => `${producer.spec.name}: ${line}`)
  })
  assert.deepEqual(timeouts, [])
  return ledgers
}
