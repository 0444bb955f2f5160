import type { Config } from '#gateway/config-schema.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'

/** One listener of a node, as clients are told of it. */
export interface Advertised {
  host: string
  /** The bootstrap port. */
  port: number
  /** Port by cluster; the bootstrap port for all of them with `perCluster: false`. */
  clusters: Record<string, number>
}

/** A node that serves, as every node of the fleet knows it. Plain data: it crosses Redis and processes. */
export interface LiveNode {
  id: string
  /** 1 to 2^20 - 1; see `slotOf`. Unique in the fleet in `per_node` mode; else nobody asks. */
  slot: number
  /** By listener. */
  listeners: Record<string, Advertised>
}

/** What the registry keeps of a node's listeners: every port that its clients are told. */
export function advertisedPorts({ listeners }: LiveNode): number[] {
  const ports = Object.values(listeners).flatMap(({ port, clusters }) => [port, ...Object.values(clusters)])
  return [...new Set(ports)]
}

/**
 * A node as the registry lists it. Listeners are configured alike on all nodes (a port that the system chooses
 * cannot be), so its ports tell which clusters of ours it serves.
 *
 * @param ports `advertisedPorts` of that node
 */
export function liveNodeOf(
  { id, ports }: { id: string; ports: readonly number[] },
  { listeners, clusters }: Config,
): LiveNode {
  const has = new Set(ports)
  const shown = listeners.map(({ name, advertised }): [string, Advertised] => {
    const { port, perCluster } = advertised
    const portOf = (offset: number) => (perCluster ? port + offset : port)
    const served = clusters.filter(({ portOffset }) => has.has(portOf(portOffset)))
    return [
      name,
      {
        host: advertised.host.replaceAll('{node}', id),
        port,
        clusters: Object.fromEntries(served.map((cluster) => [cluster.name, portOf(cluster.portOffset)])),
      },
    ]
  })
  return { id, slot: slotOf(id), listeners: Object.fromEntries(shown) }
}
