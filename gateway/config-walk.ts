import type { z } from 'zod'
import { didYouMean, type Path, showValue } from '#gateway/config-problems.ts'
import {
  BROKEN,
  isMapping,
  listFromText,
  type Mapping,
  mappingFromText,
  readings,
  Text,
  type Tree,
} from '#gateway/config-tree.ts'
import { type Facts, facts } from '#gateway/config-values.ts'

export type Schema = z.core.$ZodType

/** The schema without its default, and what happens when the value is left out. */
export interface Unwrapped {
  inner: Schema
  required: boolean
  /** As it would be written in a file. */
  fallback?: unknown
}

export function unwrap(schema: Schema): Unwrapped {
  const { type, innerType, defaultValue } = definition(schema)
  if (type === 'optional') return { ...unwrap(innerType), required: false }
  if (type === 'prefault') return { inner: unwrap(innerType).inner, required: false, fallback: defaultValue }
  return { inner: schema, required: true }
}

export function factsOf(schema: Schema): Facts | undefined {
  return facts.get(unwrap(schema).inner)
}

export function kindOf(schema: Schema): string {
  return definition(unwrap(schema).inner).type
}

/** Fields of a mapping; for a choice of mappings, the fields of all. Otherwise empty. */
export function fieldsOf(schema: Schema): Record<string, Schema> {
  const { shape, options } = definition(unwrap(schema).inner)
  if (options) return Object.assign({}, ...options.map(fieldsOf))
  return shape ?? {}
}

export function keysOf(schema: Schema): string[] {
  return Object.entries(fieldsOf(schema)).flatMap(([key, field]) => (isReserved(field) ? [] : [key]))
}

export function elementOf(schema: Schema): Schema | undefined {
  return definition(unwrap(schema).inner).element
}

/** Known to the schema so that its use can be refused in clear words. */
export function isReserved(schema: Schema): boolean {
  return kindOf(schema) === 'never'
}

export function schemaAt(schema: Schema, path: Path): Schema | undefined {
  let found: Schema | undefined = schema
  for (const part of path) {
    found = found && (typeof part === 'number' ? elementOf(found) : fieldsOf(found)[part])
  }
  return found
}

/** Words that the schema takes literally: enum values and the like. */
export function wordsOf(schema: Schema): string[] {
  const { type, entries, values, options } = definition(unwrap(schema).inner)
  if (type === 'enum') return Object.values(entries)
  if (type === 'literal') return values.map(String)
  return options ? options.flatMap(wordsOf) : []
}

/**
 * Checks a tree against a schema value by value, so that one wrong value hides no other. Reports into
 * `tree.problems`; in the tree, texts are replaced by the values they stand for.
 *
 * @returns what could be parsed; `undefined` in place of what could not
 */
export function walk(schema: Schema, tree: Tree): unknown {
  const holder: Mapping = { root: tree.root }
  const parsed = check(schema, { tree, path: [], holder, key: 'root' })
  tree.root = holder.root
  return parsed
}

/** A value under check: where it is, and what holds it (to put a text's real value there). */
interface Place {
  tree: Tree
  path: Path
  holder: Mapping
  key: string | number
}

function check(schema: Schema, place: Place): unknown {
  const { inner, required, fallback } = unwrap(schema)
  const value = place.holder[place.key]
  if (value === undefined) {
    if (fallback !== undefined) return check(inner, { ...place, holder: { value: fallback }, key: 'value' })
    if (required) reportMissing(inner, place)
    return undefined
  }
  if (value === BROKEN) return undefined
  const { type, options, element } = definition(inner)
  if (type === 'object') return checkMapping(inner, place)
  if (type === 'array') return checkList(inner, element, place)
  if (type === 'union') return checkUnion(inner, options, place)
  return checkLeaf(inner, place)
}

function checkMapping(schema: Schema, place: Place, known = keysOf(schema)): unknown {
  const { tree, path, holder, key } = place
  if (holder[key] instanceof Text) holder[key] = mappingFromText(holder[key].text)
  const mapping = holder[key]
  if (!isMapping(mapping)) {
    tree.report(path, `must be a mapping with the keys ${known.join(', ')}, but is ${showValue(mapping)}`)
    return undefined
  }
  const fields = fieldsOf(schema)
  for (const name of Object.keys(mapping)) {
    if (!Object.hasOwn(fields, name)) reportUnknown(name, known, place)
  }
  const parsed: Mapping = {}
  for (const [name, field] of Object.entries(fields)) {
    if (isReserved(field)) {
      if (mapping[name] !== undefined) {
        tree.report([...path, name], 'is not in this release', undefined, tree.whereKey([...path, name]))
      }
      continue
    }
    const value = check(field, { tree, path: [...path, name], holder: mapping, key: name })
    if (value !== undefined) parsed[name] = value
  }
  return parsed
}

function checkList(schema: Schema, element: Schema, { tree, path, holder, key }: Place): unknown {
  if (holder[key] instanceof Text) holder[key] = listFromText(holder[key].text)
  const list = holder[key]
  if (!Array.isArray(list)) {
    tree.report(path, `must be a list, but is ${showValue(list)}`)
    return undefined
  }
  if (list.length === 0 && !accepts(schema, [])) tree.report(path, 'must have at least one entry')
  const entries = list as unknown as Mapping
  return list.map((_, i) => check(element, { tree, path: [...path, i], holder: entries, key: i }))
}

/** A choice among mappings goes by the key that is given; the others' keys cannot stand beside it. */
function checkUnion(schema: Schema, options: Schema[], place: Place): unknown {
  const { tree, path, holder, key } = place
  const mappings = options.filter((option) => kindOf(option) === 'object')
  if (mappings.length && holder[key] instanceof Text) {
    const [text, reading] = readings(holder[key].text)
    holder[key] = isMapping(reading) ? reading : text
  }
  const value = holder[key]
  if (!mappings.length || !isMapping(value)) return checkLeaf(schema, place)
  const given = Object.keys(value)
  const chosen = mappings.find((option) => given.some((name) => Object.hasOwn(fieldsOf(option), name)))
  if (chosen) {
    const beside = (name: string) =>
      Object.hasOwn(fieldsOf(schema), name) && !Object.hasOwn(fieldsOf(chosen), name)
    for (const name of given.filter(beside)) {
      const full = [...path, name]
      tree.report(full, `cannot stand beside ${keysOf(chosen).join(', ')}`, undefined, tree.whereKey(full))
      delete value[name]
    }
    return checkMapping(chosen, place)
  }
  if (!given.length) tree.report(path, `must be ${factsOf(schema)!.expects}, but is empty`)
  for (const name of given) reportUnknown(name, keysOf(schema), place)
  return undefined
}

function checkLeaf(schema: Schema, { tree, path, holder, key }: Place): unknown {
  const value = holder[key]
  const candidates = value instanceof Text ? readings(value.text) : [value]
  for (const candidate of candidates) {
    const result = parse(schema, candidate)
    if (!result.success) continue
    holder[key] = candidate
    return result.data
  }
  const given = value instanceof Text ? value.text : value
  const text = `must be ${factsOf(schema)!.expects}, but is ${showValue(given)}`
  tree.report(path, text, leafHint(schema, value))
  return undefined
}

function leafHint(schema: Schema, value: unknown): string | undefined {
  if (value instanceof Text) return didYouMean(value.text, wordsOf(schema))
  if (typeof value === 'string') {
    const [, bare] = readings(value)
    return accepts(schema, bare) ? 'write it without quotes' : didYouMean(value, wordsOf(schema))
  }
  return accepts(schema, String(value)) ? `put it in quotes: "${value}"` : undefined
}

function reportMissing(schema: Schema, { tree, path }: Place): void {
  const expects = factsOf(schema)?.expects ?? (kindOf(schema) === 'array' ? 'a list' : 'a mapping')
  tree.report(path, `is missing: it must be ${expects}`)
}

function reportUnknown(name: string, known: string[], { tree, path }: Place): void {
  const full = [...path, name]
  const hint = didYouMean(name, known) ?? `known here: ${known.join(', ')}`
  tree.report(full, 'is not a known key', hint, tree.whereKey(full))
}

function accepts(schema: Schema, value: unknown): boolean {
  return value !== undefined && parse(schema, value).success
}

function parse(schema: Schema, value: unknown): { success: boolean; data?: unknown } {
  return (schema as z.ZodType).safeParse(value)
}

/** The part of a zod schema that zod documents for tools like this one. */
function definition(schema: Schema): any {
  return schema._zod.def
}
