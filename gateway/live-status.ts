import type { Config } from '#gateway/config-schema.ts'
import type { Control } from '#gateway/control.ts'
import { RouteTable } from '#gateway/route.ts'
import { VERSION } from '#gateway/version.ts'
import { processSample } from '#gateway/worker-sample.ts'
import type { FleetStatus, State, TopicStatus } from '#status/contract.ts'
import { NodeFigures } from '#status/figures.ts'
import { metricsPage } from '#status/metrics-page.ts'
import { type NodeSources, reportOf } from '#status/node-report.ts'
import { OtherNodes } from '#status/other-nodes.ts'
import type { NodeReport } from '#status/samples.ts'
import { type MapStatus, snapshot } from '#status/snapshot.ts'
import type { StreamLedger } from '#status/stream-ledger.ts'

/** Names asked for by one query are counted by name for so long, in ms. */
const WATCH_MS = 60_000

/** Topics and `client.id`s that are wanted beside the top ones. */
export interface Named {
  topics: readonly string[]
  clients: readonly string[]
}

/** What this node knows of itself and of the fleet, in the shape of `GET /api/v1/state`. */
export class LiveStatus {
  /** Called once a second, when the figures of the last one are there. */
  onTick: () => void = () => {}
  readonly #control: Control
  readonly #startedAt = Date.now()
  readonly #figures = new NodeFigures()
  readonly #others = new OtherNodes()
  readonly #topics = new Watched()
  readonly #clients = new Watched()
  #told = ''
  #redis: Pick<FleetStatus, 'redis' | 'since'>
  #routesOf: Config['routes']
  #routes: RouteTable

  constructor(control: Control) {
    this.#control = control
    const { redis } = control.fleet
    this.#redis = { redis: redis.state, since: redis.state === 'none' ? null : this.#startedAt }
    this.#routesOf = control.config.routes
    this.#routes = new RouteTable(this.#routesOf)
    control.hooks.push({ changed: () => this.#onChanged(), reported: () => this.#tick() })
  }

  #onChanged(): void {
    const { state } = this.#control.fleet.redis
    if (state !== this.#redis.redis) this.#redis = { redis: state, since: Date.now() }
  }

  #tick(): void {
    const { config, fleet, pool } = this.#control
    this.#figures.add(pool.sample(), this.#topics.names())
    this.#watchClients()
    if (fleet.mode === 'redis') {
      const others = fleet.nodes().filter(({ id }) => id !== config.node.id)
      // Without Redis nobody knows whether they are gone.
      if (fleet.redis.state === 'up') this.#others.update(others, Date.now())
      fleet.setSample(this.#report())
    }
    this.onTick()
  }

  /** The workers count all clients, and report the top ones and these. */
  #watchClients(): void {
    const clients = [...this.#clients.names()]
    const told = clients.join('\0')
    if (told === this.#told) return
    this.#told = told
    this.#control.pool.watch(clients)
  }

  /** The fleet; this node alone while Redis is away. A name that is asked for is known a second later. */
  state(named: Named = { topics: [], clients: [] }): State {
    const { state } = this.#control.fleet.redis
    return this.#snapshot(state === 'down' ? null : this.#others, named)
  }

  /** The figures of this node alone. */
  own(named: Named = { topics: [], clients: [] }): State {
    return this.#snapshot(null, named)
  }

  /** The figures of this node alone, as Prometheus text. */
  metrics(stream: StreamLedger): string {
    return metricsPage({ state: this.own(), sample: this.#control.pool.sample(), stream })
  }

  #snapshot(others: OtherNodes | null, named: Named): State {
    this.#topics.add(named.topics)
    this.#clients.add(named.clients)
    const { config, fleet } = this.#control
    return snapshot({
      node: config.node.id,
      fleet: { mode: fleet.mode, reason: fleet.redis.reason, ...this.#redis },
      own: this.#report(),
      others,
      maps: this.#maps(),
      topicOf: (name) => this.#topicOf(name),
      topicNames: this.#topicNames(),
      named: { topics: new Set(named.topics), clients: new Set(named.clients) },
    })
  }

  #report(): NodeReport {
    const { config, state, drained, configHash, lastReload, pool, grants } = this.#control
    const sources: NodeSources = {
      version: VERSION,
      zone: config.node.zone ?? '',
      startedAt: this.#startedAt,
      state,
      drained,
      configHash,
      reload: lastReload,
      workers: config.node.workers,
      workersLost: pool.restarts,
      sample: pool.sample(),
      own: processSample(),
      figures: this.#figures,
      grants,
    }
    return reportOf(sources)
  }

  #maps(): Map<string, MapStatus> {
    const { config, fleet } = this.#control
    return new Map(
      config.clusters.map(({ name }) => {
        const { map, refreshedAt, error, errorAt } = fleet.clusters.get(name)!
        const read = { refreshedAt, refreshError: error, refreshFailedAt: errorAt }
        return [name, { topics: map.topics.size, partitions: map.partitions, ...read }]
      }),
    )
  }

  #topicOf(name: string): Pick<TopicStatus, 'cluster' | 'route' | 'partitions'> {
    const { fleet } = this.#control
    const cluster = this.#table().find(name)
    const entry = cluster === null ? undefined : fleet.clusters.get(cluster)?.map.topics.get(name)
    return { cluster, route: this.#routes.explain(name), partitions: entry?.partitions ?? 0 }
  }

  /** As clients see them. */
  *#topicNames(): Generator<string> {
    const routes = this.#table()
    for (const { name } of this.#control.config.clusters) {
      const topics = this.#control.fleet.clusters.get(name)?.map.topics ?? []
      for (const [topic, { internal }] of topics) if (!internal && routes.find(topic) === name) yield topic
    }
  }

  /** A reload brings new ones. */
  #table(): RouteTable {
    const { routes } = this.#control.config
    if (routes !== this.#routesOf) this.#routes = new RouteTable(routes)
    this.#routesOf = routes
    return this.#routes
  }
}

/** Names that somebody wants to see, until a while after the last time. */
class Watched {
  readonly #until = new Map<string, number>()

  add(names: readonly string[]): void {
    const until = performance.now() + WATCH_MS
    for (const name of names) this.#until.set(name, until)
  }

  names(): ReadonlySet<string> {
    const now = performance.now()
    for (const [name, until] of this.#until) if (until < now) this.#until.delete(name)
    return new Set(this.#until.keys())
  }
}
