/**
 * The member of a table by a name that somebody chose. What every object inherits is none: `constructor` is a
 * valid name of a topic, a cluster and a node.
 */
export function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
