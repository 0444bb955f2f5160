/** Topics and clients that the live status shows without being asked for them. */
export const TOP = 200

interface Ranked {
  id: string
  connections: number
  rates: { bytesIn: number }
}

/** Those that sent most bytes of late, idle ones by their connections; and those of certain names. */
export function topClients<C extends Ranked>(clients: C[], named: ReadonlySet<string>): C[] {
  const byBytes = (a: C, b: C) => b.rates.bytesIn - a.rates.bytesIn || b.connections - a.connections
  const sorted = clients.sort(byBytes)
  return sorted.filter(({ id }, i) => i < TOP || named.has(id))
}

/** The same of topics. `other` is no topic and always stays. */
export function topTopics<T extends { rates: { bytesIn: number }; totals: { bytesIn: number } }>(
  topics: Record<string, T>,
  named: ReadonlySet<string>,
): Record<string, T> {
  const { [OTHER]: other, ...byName } = topics
  const entries = Object.entries(byName)
  if (entries.length <= TOP) return topics
  const byBytes = ([, a]: [string, T], [, b]: [string, T]) =>
    b.rates.bytesIn - a.rates.bytesIn || b.totals.bytesIn - a.totals.bytesIn
  const shown = entries.sort(byBytes).filter(([name], i) => i < TOP || named.has(name))
  return { ...Object.fromEntries(shown), ...(other && { [OTHER]: other }) }
}

/** Stands for all topics that are not counted by name. No topic of Kafka can be called so. */
export const OTHER = '(other)'
