export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** RFC 7386, section 2, word for word. */
export function apply(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch
  const result = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name)
    else result.set(name, apply(result.get(name), value))
  }
  return Object.fromEntries(result)
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As the stream has it: without members that are null. Not within arrays, which are one value. */
export function withoutNulls(value: Json): Json {
  if (!isObject(value)) return value
  const members = Object.entries(value).filter(([, each]) => each !== null)
  return Object.fromEntries(members.map(([name, each]) => [name, withoutNulls(each)]))
}

export function overTheWire(value: object): Json {
  return JSON.parse(JSON.stringify(value))
}
