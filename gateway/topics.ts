import type { RouteTable } from '#gateway/route.ts'
import { isTopicName } from '#gateway/topic-name.ts'
import type { metadataResponse } from '#protocol/messages/03-metadata.ts'
import type { Decoded } from '#protocol/schema.ts'
import type { Cluster } from '#upstream/cluster.ts'

/** What the partition map says of a topic. */
export interface TopicEntry {
  partitions: number
  internal: boolean
}

/** Changes of one cluster's map; null = the topic is gone. */
export type TopicChanges = Record<string, TopicEntry | null>

export interface TopicAnswer {
  errorCode: number
  partitions: number
  internal: boolean
  /** Null when the topic has no route. */
  cluster: string | null
}

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const INVALID_TOPIC_EXCEPTION = 17
/** A topic that the cluster does not know is not asked for again within this time. */
const NEGATIVE_MS = 1000
const NEGATIVE_ENTRIES = 10_000
/** Topics whose cluster is remembered. */
const WAYS = 10_000

type DescribedTopic = Decoded<typeof metadataResponse>['topics'][number]

/**
 * The topics a client may see: each on the one cluster that its route names. Counts come from the shared
 * map; a name it does not have is asked of the cluster itself, once for all who want to know.
 */
export class Topics {
  #routes: RouteTable
  /** Questions per second and cluster about names that the map does not have. */
  asksPerSecond: number
  /** Questions that were not asked because of limits.unknownTopicsPerSecond. */
  deferred = 0
  readonly #maps = new Map<string, Map<string, TopicEntry>>()
  readonly #clusters: ReadonlyMap<string, Cluster>
  readonly #asking = new Map<string, Promise<TopicAnswer>>()
  /** Names that the cluster has refused, with its word. */
  readonly #unknown = new Map<string, { errorCode: number; until: number }>()
  readonly #asks = new Map<string, { second: number; count: number }>()
  /** Answers of `clusterOf`, until something changes. */
  readonly #ways = new Map<string, string | null>()
  readonly #learned: (cluster: string, topic: string, entry: TopicEntry) => void

  constructor(
    routes: RouteTable,
    clusters: ReadonlyMap<string, Cluster>,
    asksPerSecond: number,
    learned: (cluster: string, topic: string, entry: TopicEntry) => void,
  ) {
    this.#routes = routes
    this.#clusters = clusters
    this.asksPerSecond = asksPerSecond
    this.#learned = learned
  }

  apply(cluster: string, changes: TopicChanges): void {
    let map = this.#maps.get(cluster)
    if (!map) this.#maps.set(cluster, (map = new Map()))
    for (const [topic, entry] of Object.entries(changes)) {
      if (entry) map.set(topic, entry)
      else map.delete(topic)
      this.#unknown.delete(topic)
    }
    this.#ways.clear()
  }

  get routes(): RouteTable {
    return this.#routes
  }

  /** What one cluster has said of a name says nothing about another. */
  set routes(routes: RouteTable) {
    this.#routes = routes
    this.#asking.clear()
    this.#unknown.clear()
    this.#ways.clear()
  }

  /** The cluster is gone: another one may have its name later. */
  forget(cluster: string): void {
    this.#maps.delete(cluster)
    this.#asks.delete(cluster)
    this.#ways.clear()
  }

  /** The cluster that clients may write the topic to; null where no topic can be, or none of theirs. */
  clusterOf(topic: string): string | null {
    const way = this.#ways.get(topic)
    if (way !== undefined) return way
    if (!isTopicName(topic)) return null
    const cluster = this.known(topic)?.errorCode ? null : this.routes.find(topic)
    if (this.#ways.size >= WAYS) this.#ways.clear()
    this.#ways.set(topic, cluster)
    return cluster
  }

  /** The map's own word, or null. */
  known(topic: string): TopicAnswer | null {
    const cluster = this.routes.find(topic)
    if (cluster === null) return refusal(INVALID_TOPIC_EXCEPTION, null)
    const entry = this.#maps.get(cluster)?.get(topic)
    if (!entry) return null
    if (entry.internal) return refusal(INVALID_TOPIC_EXCEPTION, cluster)
    return { errorCode: 0, cluster, ...entry }
  }

  /** Every topic that clients may see, with its entry. */
  *all(): Generator<[string, TopicAnswer]> {
    for (const [cluster, map] of this.#maps) {
      for (const [topic, entry] of map) {
        if (!entry.internal && this.routes.find(topic) === cluster)
          yield [topic, { errorCode: 0, cluster, ...entry }]
      }
    }
  }

  /** Asks the cluster about a name that the map does not have. Never rejects. */
  ask(topic: string, mayCreate: boolean): Promise<TopicAnswer> {
    const cluster = this.routes.find(topic)!
    const unknown = this.#unknown.get(topic)
    if (unknown && unknown.until > performance.now())
      return Promise.resolve(refusal(unknown.errorCode, cluster))
    const flight = mayCreate ? `+${topic}` : topic
    let asking = this.#asking.get(flight)
    if (!asking) {
      asking = this.#ask(topic, cluster, mayCreate).finally(() => {
        if (this.#asking.get(flight) === asking) this.#asking.delete(flight)
      })
      this.#asking.set(flight, asking)
    }
    return asking
  }

  async #ask(topic: string, cluster: string, mayCreate: boolean): Promise<TopicAnswer> {
    if (!this.#mayAsk(cluster)) return refusal(LEADER_NOT_AVAILABLE, cluster)
    try {
      const asked = this.#clusters.get(cluster)!
      const answer = await asked.describe([topic], mayCreate)
      const described = answer.topics.find(({ name }) => name === topic)
      // Routed elsewhere meanwhile, or the cluster is another one.
      const stale = this.#clusters.get(cluster) !== asked || this.routes.find(topic) !== cluster
      if (stale) return refusal(LEADER_NOT_AVAILABLE, null)
      return this.#learn(topic, cluster, described)
    } catch {
      return refusal(LEADER_NOT_AVAILABLE, cluster)
    }
  }

  #learn(topic: string, cluster: string, described: DescribedTopic | undefined): TopicAnswer {
    const errorCode = described?.errorCode ?? UNKNOWN_TOPIC_OR_PARTITION
    if (!described || errorCode !== 0) {
      this.#rememberUnknown(topic, errorCode)
      return refusal(errorCode, cluster)
    }
    const entry = { partitions: described.partitions.length, internal: described.isInternal }
    this.apply(cluster, { [topic]: entry })
    this.#learned(cluster, topic, entry)
    return this.known(topic)!
  }

  #rememberUnknown(topic: string, errorCode: number): void {
    if (this.#unknown.size >= NEGATIVE_ENTRIES) this.#unknown.clear()
    this.#unknown.set(topic, { errorCode, until: performance.now() + NEGATIVE_MS })
  }

  #mayAsk(cluster: string): boolean {
    const second = Math.floor(performance.now() / 1000)
    const asks = this.#asks.get(cluster)
    if (asks?.second !== second) this.#asks.set(cluster, { second, count: 1 })
    else if (++asks.count > this.asksPerSecond) {
      this.deferred++
      return false
    }
    return true
  }
}

function refusal(errorCode: number, cluster: string | null): TopicAnswer {
  return { errorCode, cluster, partitions: 0, internal: false }
}
