import type { ClientStatus, StatusEvent, TopicStatus } from '#status/contract.ts'

/** What a click on the matrix has chosen; left out: all. */
export interface Filter {
  node?: string
  cluster?: string
}

/** @param hash of the page's address, with or without `#` */
export function parseFilter(hash: string): Filter {
  const params = new URLSearchParams(hash.replace(/^#/, ''))
  const filter: Filter = {}
  for (const key of ['node', 'cluster'] as const) {
    const value = params.get(key)
    if (value) filter[key] = value
  }
  return filter
}

/** @returns without `#`; empty where nothing is chosen */
export function formatFilter(filter: Filter): string {
  const params = new URLSearchParams()
  if (filter.node) params.set('node', filter.node)
  if (filter.cluster) params.set('cluster', filter.cluster)
  return params.toString()
}

export function sameFilter(a: Filter, b: Filter): boolean {
  return a.node === b.node && a.cluster === b.cluster
}

/** A second click on what is chosen lets go of it. */
export function toggle(current: Filter, chosen: Filter): Filter {
  return sameFilter(current, chosen) ? {} : chosen
}

/** The names that a filter leaves of those that there are. */
export function chosenOf(names: readonly string[], wanted: string | undefined): string[] {
  return wanted === undefined ? [...names] : names.filter((name) => name === wanted)
}

/** Topics are not counted by node, so only the cluster matters. */
export function topicPasses(name: string, topic: TopicStatus, filter: Filter, search: string): boolean {
  return (!filter.cluster || topic.cluster === filter.cluster) && contains([name, topic.route], search)
}

/** Clients are not counted by cluster, so only the node matters. */
export function clientPasses(client: ClientStatus, filter: Filter, search: string): boolean {
  const { id, address, softwareName, softwareVersion } = client
  if (filter.node && !client.nodes.includes(filter.node)) return false
  return contains([id, address, `${softwareName} ${softwareVersion}`], search)
}

const SEVERITIES: StatusEvent['severity'][] = ['info', 'warning', 'error']

/** An event of no node or no cluster concerns all of them. */
export function eventPasses(
  event: StatusEvent,
  filter: Filter,
  search: string,
  least: StatusEvent['severity'],
): boolean {
  if (filter.node && event.node && event.node !== filter.node) return false
  if (filter.cluster && event.cluster && event.cluster !== filter.cluster) return false
  if (SEVERITIES.indexOf(event.severity) < SEVERITIES.indexOf(least)) return false
  return contains([event.text, event.node ?? '', event.cluster ?? '', event.kind], search)
}

function contains(texts: readonly string[], search: string): boolean {
  const wanted = search.trim().toLowerCase()
  return wanted === '' || texts.some((text) => text.toLowerCase().includes(wanted))
}
