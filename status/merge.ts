import { own } from '#status/own.ts'
import type { ClientSample } from '#status/samples.ts'

/** Adds numbers field by field, objects and lists of numbers too; anything else is taken from `a`. */
export function addUp<T extends object>(a: T, b: T): T {
  const sum = (Array.isArray(a) ? [...a] : { ...a }) as Record<string, unknown>
  for (const [key, value] of Object.entries(b)) {
    const known = own(sum, key)
    if (typeof value === 'number') sum[key] = ((known as number | undefined) ?? 0) + value
    else if (typeof value === 'object' && value !== null)
      sum[key] = addUp((known ?? (Array.isArray(value) ? [] : {})) as object, value as object)
    else sum[key] = known ?? value
  }
  return sum as T
}

/** Connections of one client to several workers, or nodes, are one client. */
export function mergeClients<C extends ClientSample>(clients: readonly C[]): C[] {
  const merged = new Map<string, C>()
  for (const client of clients) {
    const key = [client.id, client.address, client.softwareName, client.softwareVersion].join('\0')
    const other = merged.get(key)
    merged.set(key, other ? both(other, client) : client)
  }
  return [...merged.values()]
}

function both<C extends ClientSample & { nodes?: string[] }>(a: C, b: C): C {
  return {
    ...a,
    connections: a.connections + b.connections,
    rates: addUp(a.rates, b.rates),
    ...(a.nodes && { nodes: [...a.nodes, ...b.nodes!] }),
  }
}
