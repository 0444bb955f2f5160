import { fnv1a } from '#gateway/config-ids.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'

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

/** The cluster that the clients of one listener see. Never two ids at one address (broker-facts.md §3). */
export class VirtualCluster {
  readonly brokers: readonly VirtualBroker[]
  readonly #leaders = new Map<string, number>()

  /**
   * @param ports the advertised port per cluster name, or one port for all
   */
  constructor(
    slot: number,
    host: string,
    clusters: readonly ClusterConfig[],
    ports: ReadonlyMap<string, number> | number,
  ) {
    const first = slot * IDS_PER_SLOT
    if (typeof ports === 'number') {
      this.brokers = [{ id: first, host, port: ports, cluster: null }]
      for (const { name } of clusters) this.#leaders.set(name, first)
      return
    }
    this.brokers = clusters.map(({ name, id }) => ({
      id: first + id,
      host,
      port: ports.get(name)!,
      cluster: name,
    }))
    for (const { id, cluster } of this.brokers) this.#leaders.set(cluster!, id)
  }

  /** Id of the virtual broker that leads every partition of that cluster. */
  leaderOf(cluster: string): number {
    return this.#leaders.get(cluster)!
  }
}
