import { leaderSlot } from '#fleet/rendezvous.ts'
import { fnv1a } from '#gateway/config-ids.ts'
import type { ClusterConfig, ListenerConfig } from '#gateway/config-schema.ts'
import type { Advertised, LiveNode } from '#gateway/live-nodes.ts'

/** What clients are shown in Metadata: one broker per cluster, each with a port of its own. */
export interface VirtualBroker {
  id: number
  host: string
  port: number
  /** The cluster it stands for; null for the single broker of `perCluster: false`. */
  cluster: string | null
}

/** Ids of one slot. A virtual broker's id is slot × 1024 + cluster id. */
const IDS_PER_SLOT = 1024

/** In `per_node` mode each node has a slot of its own, 1 to 2^20 - 1; slot 0 is the shared address. */
export function slotOf(nodeId: string): number {
  return 1 + (fnv1a(nodeId) % (2 ** 20 - 1))
}

type Cluster = Pick<ClusterConfig, 'name' | 'id'>

/** A node as the clients of one listener see it. */
interface Shown {
  slot: number
  advertised: Advertised
}

/** The cluster that clients see at one moment. Never two ids at one address (broker-facts.md §3). */
export class View {
  readonly brokers: readonly VirtualBroker[]
  /** Slots of the nodes that lead a cluster's partitions, and its id within a slot. */
  readonly #leaders = new Map<string, { id: number; slots: number[] }>()

  /** @param named the clusters whose brokers may be told */
  constructor(nodes: readonly Shown[], clusters: readonly Cluster[], named: Named, perCluster: boolean) {
    const brokers: VirtualBroker[] = []
    for (const { slot, advertised } of nodes) {
      const { host, port } = advertised
      if (!perCluster) brokers.push({ id: slot * IDS_PER_SLOT, host, port, cluster: null })
      for (const { name, id } of clusters) {
        const own = advertised.clusters[name]
        if (own === undefined || !named.has(name)) continue
        if (perCluster) brokers.push({ id: slot * IDS_PER_SLOT + id, host, port: own, cluster: name })
        this.#lead(name, perCluster ? id : 0, slot)
      }
    }
    this.brokers = brokers
  }

  #lead(cluster: string, id: number, slot: number): void {
    const leaders = this.#leaders.get(cluster)
    if (leaders) leaders.slots.push(slot)
    else this.#leaders.set(cluster, { id, slots: [slot] })
  }

  /**
   * Who leads the partitions of a topic on that cluster, as a virtual broker's id by partition.
   *
   * @returns null while not every node serves the cluster: clients must ask again
   */
  leadersOf(cluster: string, topic: string): ((partition: number) => number) | null {
    const leaders = this.#leaders.get(cluster)
    if (!leaders) return null
    const { id, slots } = leaders
    const only = slots.length === 1 ? slots[0]! : null
    return (partition) => (only ?? leaderSlot(topic, partition, slots)) * IDS_PER_SLOT + id
  }
}

type Named = ReadonlySet<string>

/** What the clients of one listener see. Changes with a reload, and with the nodes of the fleet. */
export class VirtualCluster {
  view = new View([], [], new Set(), true)
  readonly #listener: ListenerConfig
  readonly #slot: number
  #own: Advertised | null = null
  #clusters: readonly Cluster[] = []
  #nodes: readonly LiveNode[] = []
  /** Clusters that every node has served once: one that a node gives up by a reload is told of on. */
  #served = new Set<string>()

  constructor(listener: ListenerConfig, nodeId: string) {
    this.#listener = listener
    this.#slot = slotOf(nodeId)
  }

  get brokers(): readonly VirtualBroker[] {
    return this.view.brokers
  }

  /** @param own this node's ports; null before they are bound */
  show(own: Advertised, clusters: readonly Cluster[]): void {
    this.#own = own
    this.#clusters = clusters
    this.#look()
  }

  /** @param nodes of the fleet that serve; none: this node is alone, or does not know the others yet */
  onNodes(nodes: readonly LiveNode[]): void {
    this.#nodes = nodes
    this.#look()
  }

  #look(): void {
    if (!this.#own) return
    const { mode, perCluster } = this.#listener.advertised
    const fleet = this.#fleet()
    const self = { slot: mode === 'per_node' ? this.#slot : 0, advertised: this.#own }
    const serving = fleet.length > 0 ? fleet : [self]
    const ready = (cluster: string) =>
      serving.every(({ advertised }) => advertised.clusters[cluster] !== undefined)
    const own = this.#clusters.map(({ name }) => name)
    const named = new Set(own.filter((name) => this.#served.has(name) || ready(name)))
    if (fleet.length > 0) this.#served = named
    this.view = new View(mode === 'per_node' ? serving : [self], this.#clusters, named, perCluster)
  }

  /** The nodes that have this listener, each once. */
  #fleet(): Shown[] {
    const perNode = this.#listener.advertised.mode === 'per_node'
    const shown = new Map<string | number, Shown>()
    for (const { id, slot, listeners } of this.#nodes) {
      const advertised = listeners[this.#listener.name]
      if (advertised) shown.set(perNode ? slot : id, { slot, advertised })
    }
    return [...shown.values()].sort((a, b) => a.slot - b.slot)
  }
}
