import type { RouteConfig } from '#gateway/config-schema.ts'

/** Which cluster a topic belongs to: its exact name, else the longest prefix, else the default. */
export class RouteTable {
  readonly #exact = new Map<string, string>()
  /** Prefixes by their length, longest first. */
  readonly #prefixes: [number, Map<string, string>][]
  readonly #default: string | null

  constructor(routes: readonly RouteConfig[]) {
    const prefixes = new Map<number, Map<string, string>>()
    let fallback: string | null = null
    for (const { match, cluster } of routes) {
      if (match === 'default') fallback = cluster
      else if ('topic' in match) this.#exact.set(match.topic, cluster)
      else {
        const { length } = match.prefix
        if (!prefixes.has(length)) prefixes.set(length, new Map())
        prefixes.get(length)!.set(match.prefix, cluster)
      }
    }
    this.#default = fallback
    this.#prefixes = [...prefixes].sort(([a], [b]) => b - a)
  }

  /** Name of the cluster, or null when nothing matches. */
  find(topic: string): string | null {
    const exact = this.#exact.get(topic)
    if (exact !== undefined) return exact
    for (const [length, clusters] of this.#prefixes) {
      const cluster = topic.length >= length ? clusters.get(topic.slice(0, length)) : undefined
      if (cluster !== undefined) return cluster
    }
    return this.#default
  }

  /** The rule that decides, in words, for the live status. */
  explain(topic: string): string {
    if (this.#exact.has(topic)) return `topic ${topic}`
    for (const [length, clusters] of this.#prefixes) {
      if (topic.length >= length && clusters.has(topic.slice(0, length)))
        return `prefix ${topic.slice(0, length)}`
    }
    return this.#default === null ? 'none' : 'default'
  }
}
