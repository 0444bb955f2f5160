import { isDeepStrictEqual } from 'node:util'
import { own } from '#status/own.ts'

type Members = Record<string, unknown>

/**
 * What turns `before` into `after`, as a JSON merge patch (RFC 7386); without members when nothing has changed.
 * Such a patch can remove a member but not set it to null, so one that is null counts as one that is not there.
 * Arrays are one value. The patch shares parts with `after`.
 */
export function mergePatch(before: object, after: object): object {
  // Without a prototype: `__proto__` is a valid name of a topic.
  const patch: Members = Object.create(null)
  for (const name of Object.keys(after)) {
    const change = changeOf(own(before as Members, name), own(after as Members, name))
    if (change !== undefined) patch[name] = change
  }
  for (const name of Object.keys(before)) {
    if (isThere(own(before as Members, name)) && !isThere(own(after as Members, name))) patch[name] = null
  }
  return patch
}

/** Undefined when there is none, or when `after` is not there. */
function changeOf(before: unknown, after: unknown): unknown {
  if (before === after || !isThere(after)) return undefined
  if (!isMembers(after)) return Array.isArray(after) && isDeepStrictEqual(before, after) ? undefined : after
  if (!isMembers(before)) return mergePatch({}, after)
  const patch = mergePatch(before, after)
  for (const _ in patch) return patch
  return undefined
}

/** JSON writes a number that is none as null. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && !(typeof value === 'number' && !Number.isFinite(value))
}

function isMembers(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
