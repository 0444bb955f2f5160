/**
 * A JSON merge patch (RFC 7386). Nothing is changed in place: what the patch does not touch is shared.
 *
 * Keys are names of topics, and `__proto__` is one that Kafka allows; so objects are made by
 * `Object.fromEntries`, which treats it like any other.
 */
export function mergePatch<T>(target: T, patch: unknown): T {
  if (!isObject(patch)) return patch as T
  const merged = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key), value))
  }
  return Object.fromEntries(merged) as T
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
