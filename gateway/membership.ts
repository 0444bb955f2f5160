import { type Amounts, floorOf, type GrantReport } from '#fleet/amounts.ts'
import type { Fleet, FleetCluster, FleetEvents, MakeFleet } from '#fleet/fleet.ts'
import type { NodeDescription } from '#fleet/registry.ts'
import { readSecret } from '#gateway/config.ts'
import type { ClusterConfig, Config } from '#gateway/config-schema.ts'
import { budgetOf } from '#gateway/grants.ts'
import { topicReaderOf } from '#gateway/topic-reader.ts'
import { VERSION } from '#gateway/version.ts'
import { slotOf } from '#gateway/virtual-brokers.ts'
import type { ClusterSample, WorkerSample } from '#status/samples.ts'
import type { Log } from '#telemetry/log.ts'

/** A node that sends nearly as many submissions as it may wants so many times more. */
const MORE = 2
const NEARLY = 0.8

/** What reads one cluster, and what it was made from. */
interface KnownReader {
  reader: FleetCluster['reader']
  madeFrom: string
}

/** This node as a member of its fleet: the one place where the configuration meets `fleet/`. */
export class Membership {
  readonly fleet: Fleet
  readonly #log: Log
  readonly #pinned: (cluster: string) => string | undefined
  readonly #readers = new Map<string, KnownReader>()
  /** Submissions counted at the last report, by cluster. */
  readonly #submissions = new Map<string, number>()
  #intervalMs: number
  readonly #workers: number

  /** @param workers of this node: each has a floor of its own in every budget */
  constructor(
    config: Config,
    workers: number,
    parts: { make: MakeFleet; log: Log; events: FleetEvents; pinned(cluster: string): string | undefined },
  ) {
    this.#log = parts.log
    this.#pinned = parts.pinned
    this.#workers = workers
    this.#intervalMs = config.refresh.interval
    this.fleet = parts.make({
      redis: redisOf(config),
      node: descriptionOf(config, [], ''),
      intervalMs: () => this.#intervalMs,
      log: parts.log,
      events: parts.events,
    })
  }

  /** As the fleet wants to know them. A reader stays as long as nothing that it was made from changes. */
  clustersOf({ clusters }: Config): FleetCluster[] {
    return clusters.map((cluster) => ({
      name: cluster.name,
      budget: budgetOf(cluster),
      floor: floorOf(this.#workers, cluster.window.maxBytes),
      reader: this.#readerOf(cluster),
    }))
  }

  #readerOf(cluster: ClusterConfig): FleetCluster['reader'] {
    const { name, bootstrapServers, clientId } = cluster
    const madeFrom = JSON.stringify({ bootstrapServers, clientId })
    const known = this.#readers.get(name)
    if (known?.madeFrom === madeFrom) return known.reader
    const reader = topicReaderOf(cluster, () => this.#pinned(name), this.#log)
    this.#readers.set(name, { reader, madeFrom })
    return reader
  }

  /** After a reload; `Fleet.setClusters` follows. */
  becomes({ refresh }: Config): void {
    this.#intervalMs = refresh.interval
  }

  /** The cluster was removed: should it come back, it is read anew. */
  forget(cluster: string): void {
    this.#readers.delete(cluster)
    this.#submissions.delete(cluster)
  }

  /** What goes into the next requests for grants. Once a second. */
  report({ clusters }: Config, sample: WorkerSample | null): void {
    for (const cluster of clusters) {
      const used = sample?.clusters[cluster.name]
      if (used) this.fleet.report(cluster.name, this.#demandOf(cluster, used))
    }
  }

  #demandOf(cluster: ClusterConfig, used: ClusterSample): GrantReport {
    const { name, window } = cluster
    const before = this.#submissions.get(name) ?? used.totals.submissions
    this.#submissions.set(name, used.totals.submissions)
    const floor = floorOf(this.#workers, window.maxBytes)
    const grant = this.fleet.clusters.get(name)?.grant
    const sent = Math.max(0, used.totals.submissions - before)
    const short = grant !== undefined && sent >= grant.submissionsPerSecond * NEARLY
    const uses: Amounts = {
      lanes: used.lanesInUse,
      inFlightBytes: used.inFlightBytes,
      submissionsPerSecond: window.submissionsPerSecond === 0 ? 0 : sent,
    }
    const wants: Amounts = {
      lanes: Math.max(floor.lanes, used.lanesWanted),
      inFlightBytes: Math.max(floor.inFlightBytes, used.heldBytes),
      submissionsPerSecond: Math.max(floor.submissionsPerSecond, short ? sent * MORE : sent),
    }
    return { uses, wants }
  }
}

/** @param ports that its listeners have bound, as clients are told of them */
export function descriptionOf(config: Config, ports: readonly number[], configHash: string): NodeDescription {
  const { node, listeners } = config
  const perNode = listeners.some(({ advertised }) => advertised.mode === 'per_node')
  return {
    id: node.id,
    // In shared mode all nodes show the same brokers, and no slot can clash.
    slot: perNode ? slotOf(node.id) : 0,
    address: listeners[0]!.advertised.host.replaceAll('{node}', node.id),
    zone: node.zone ?? '',
    version: VERSION,
    configHash,
    ports: [...ports],
  }
}

function redisOf({ fleet }: Config) {
  if (!fleet) return null
  const { url, passwordFile, keyPrefix } = fleet.redis
  return { url, keyPrefix, ...(passwordFile && { password: readSecret(passwordFile) }) }
}
