import type { ClusterLink } from '#gateway/cluster-link.ts'
import type { Start } from '#gateway/control-channel.ts'
import { RouteTable } from '#gateway/route.ts'
import type { TopicChanges } from '#gateway/topics.ts'
import type { Worker } from '#gateway/worker.ts'

/**
 * A configuration that a worker is about to take over. Whatever can fail is done first, on the side; the swap
 * itself happens within one turn of the event loop: each frame is read under the old configuration or the new.
 */
export class PreparedReload {
  /** Of clusters that it adds. */
  readonly links = new Map<string, ClusterLink>()
  readonly #worker: Worker
  readonly #start: Start

  constructor(worker: Worker, start: Start) {
    this.#worker = worker
    this.#start = start
  }

  /**
   * Binds the ports of new clusters and connects to them; one that cannot be reached holds nothing up.
   *
   * @returns the ports that will be bound, by name
   * @throws Error that names the address, when a port cannot be bound
   */
  async bind(): Promise<Record<string, number>> {
    const { config, ports, grants } = this.#start
    const bound: Record<string, number> = {}
    for (const listener of this.#worker.listeners)
      Object.assign(bound, await listener.prepare(config.clusters, ports))
    for (const cluster of config.clusters) {
      if (this.#worker.links.has(cluster.name)) continue
      const link = this.#worker.makeLink(cluster, grants[cluster.name]!)
      this.links.set(cluster.name, link)
      link.start()
    }
    return bound
  }

  /** @param topics those of the new clusters, as far as they are known */
  commit(topics: Record<string, TopicChanges>): void {
    const worker = this.#worker
    const { config, grants } = this.#start
    const before = worker.config
    worker.config = config
    worker.limits = config.limits
    if (config.log.level !== before.log.level) worker.log.level = config.log.level
    const kept = new Set(config.clusters.map(({ name }) => name))
    for (const link of [...worker.links.values()]) if (!kept.has(link.name)) worker.removeLink(link)
    for (const link of this.links.values()) worker.addLink(link)
    for (const cluster of config.clusters) {
      if (!this.links.has(cluster.name))
        worker.links.get(cluster.name)!.reload(cluster, grants[cluster.name]!)
    }
    worker.shareMemory()
    worker.topics.routes = new RouteTable(config.routes)
    worker.topics.asksPerSecond = worker.asksOf(config)
    for (const [cluster, changes] of Object.entries(topics)) worker.topics.apply(cluster, changes)
    for (const listener of worker.listeners) listener.commit(config.clusters, config.limits.connectionMaxAge)
  }

  abort(): void {
    for (const listener of this.#worker.listeners) listener.abort()
    for (const link of this.links.values()) link.stop()
  }
}
