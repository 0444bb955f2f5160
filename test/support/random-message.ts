import { isDeepStrictEqual } from 'node:util'

/**
 * Random messages made from Kafka's own message JSON, which knows nothing of our codecs. Values have the
 * form that our codecs take: int64 as bigint, bytes as Buffer, uuids as base64url text.
 */
export interface Grammar {
  name: string
  validVersions: string
  flexibleVersions: string
  fields: FieldGrammar[]
}

export interface FieldGrammar {
  name: string
  type: string
  versions: string
  nullableVersions?: string
  tag?: number
  default?: string | number | boolean
  fields?: FieldGrammar[]
}

export type Struct = Record<string, any>
/** A number from 0 to below 1. */
export type Random = () => number

/** `3-12`, `3+`, `3` or `none`. */
export function inRange(text: string | undefined, version: number): boolean {
  const match = /^(\d+)(?:-(\d+)|(\+))?$/.exec(text ?? 'none')
  if (!match) return false
  const [, from, to, open] = match
  return version >= Number(from) && version <= (open ? Number.POSITIVE_INFINITY : Number(to ?? from))
}

/** The same numbers for the same seed (mulberry32 over an FNV-1a hash). */
export function seeded(seed: string): Random {
  let state = 0x811c9dc5
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function fieldName(field: FieldGrammar): string {
  return field.name.charAt(0).toLowerCase() + field.name.slice(1)
}

/** What Kafka takes where nothing is given. */
export function defaultOf(field: FieldGrammar): unknown {
  const { type } = field
  const given = field.default === undefined ? undefined : String(field.default)
  if (given === 'null' || type === 'records') return null
  if (type.startsWith('[]')) return []
  if (type === 'string') return given ?? ''
  if (type === 'bool') return given === 'true'
  if (type === 'uuid') return Buffer.alloc(16).toString('base64url')
  if (type === 'bytes') return Buffer.alloc(0)
  if (type === 'int64') return BigInt(given ?? 0)
  if (type in INTEGERS) return Number(given ?? 0)
  return Object.fromEntries(nested(field).map((each) => [fieldName(each), defaultOf(each)]))
}

/** Types that have a null on the wire. */
export function canBeNull(type: string): boolean {
  return type.startsWith('[]') || type === 'string' || type === 'bytes' || type === 'records'
}

const INTEGERS: Record<string, number> = { int8: 8, int16: 16, int32: 32, int64: 64 }

export class Generator {
  readonly #random: Random
  readonly #version: number
  /** Every array has elements, nothing is null, nothing is left at its default by intent. */
  readonly #dense: boolean

  constructor(random: Random, version: number, dense = false) {
    this.#random = random
    this.#version = version
    this.#dense = dense
  }

  /** All fields; those that the version does not carry at their defaults. */
  struct(fields: FieldGrammar[]): Struct {
    return Object.fromEntries(fields.map((field) => [fieldName(field), this.#field(field)]))
  }

  chance(share: number): boolean {
    return this.#random() < share
  }

  /** One of 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }

  bytes(): Buffer {
    const length = this.chance(0.01) ? 17_000 : this.pick([0, 1, 2, 61, 126, 127, 128, 300])
    return this.#randomBytes(length)
  }

  string(): string {
    if (this.chance(0.005)) return this.pick(['a', '\0']).repeat(this.pick([16_382, 16_383, 32_767]))
    const characters = this.pick([
      ['a'],
      ['x', '-', '.', '9'],
      ['ä', '€', '語', 'z'],
      ['🦆', '\0', '"', '\n'],
    ])
    const length = this.pick([0, 1, 2, 5, 20, 126, 127, 128])
    return Array.from({ length }, () => this.pick(characters)).join('')
  }

  #randomBytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  #field(field: FieldGrammar): unknown {
    if (!inRange(field.versions, this.#version)) return defaultOf(field)
    if (this.#dense) return this.#value(field.type, field)
    if (this.chance(field.tag === undefined ? 0.1 : 0.4)) return defaultOf(field)
    if (inRange(field.nullableVersions, this.#version) && this.chance(0.2)) return null
    return this.#value(field.type, field)
  }

  #value(type: string, field: FieldGrammar): unknown {
    if (type.startsWith('[]')) return this.#array(type.slice(2), field)
    if (type in INTEGERS) return this.#integer(type)
    if (type === 'string') return this.string()
    if (type === 'bool') return this.chance(0.5)
    if (type === 'bytes' || type === 'records') return this.bytes()
    if (type === 'uuid') return this.#randomBytes(16).toString('base64url')
    return this.struct(nested(field))
  }

  #array(element: string, field: FieldGrammar): unknown[] {
    const leaf = !field.fields?.some(({ type }) => type.startsWith('[]') || type === 'records')
    const many = leaf && !this.#dense && this.chance(0.02)
    const length = many ? this.pick([126, 127, 128]) : this.below(4) + (this.#dense ? 1 : 0)
    return Array.from({ length }, () => this.#value(element, field))
  }

  #integer(type: string): number | bigint {
    const bits = INTEGERS[type]!
    const any = BigInt(this.below(2 ** 32)) * 2n ** 32n + BigInt(this.below(2 ** 32))
    const edge = 2n ** BigInt(bits - 1)
    const value = this.chance(0.4) ? this.pick([0n, 1n, -1n, edge - 1n, -edge]) : BigInt.asIntN(bits, any)
    return type === 'int64' ? value : Number(value)
  }
}

function nested(field: FieldGrammar): FieldGrammar[] {
  if (!field.fields) throw new Error(`${field.name}: type ${field.type} is not known here`)
  return field.fields
}

/** A copy in which `change` has worked on every struct that the version carries. */
export function mapStructs(
  fields: FieldGrammar[],
  value: Struct,
  version: number,
  change: (struct: Struct, fields: FieldGrammar[]) => void,
): Struct {
  const copy: Struct = { ...value }
  for (const field of fields) {
    const given = value[fieldName(field)]
    if (!field.fields || given === null || !inRange(field.versions, version)) continue
    const inner = field.fields
    copy[fieldName(field)] = Array.isArray(given)
      ? given.map((each) => mapStructs(inner, each, version, change))
      : mapStructs(inner, given, version, change)
  }
  change(copy, fields)
  return copy
}

/** Leaves out what the version does not carry: Kafka's JSON converters stumble over some of it. */
export function onlyIn(fields: FieldGrammar[], value: Struct, version: number): Struct {
  return mapStructs(fields, value, version, (struct, known) => {
    for (const field of known) if (!inRange(field.versions, version)) delete struct[fieldName(field)]
  })
}

/** Leaves out most of what is at its default anyway. */
export function thinOut(fields: FieldGrammar[], value: Struct, version: number, random: Random): Struct {
  return mapStructs(fields, value, version, (struct, known) => {
    for (const field of known) {
      const atDefault = isDeepStrictEqual(struct[fieldName(field)], defaultOf(field))
      if (atDefault && random() < 0.8) delete struct[fieldName(field)]
    }
  })
}

/** Tagged fields with numbers that no version of the message knows. */
export function withUnknownTags(
  fields: FieldGrammar[],
  value: Struct,
  version: number,
  generator: Generator,
): Struct {
  return mapStructs(fields, value, version, (struct) => {
    const tags = [9, 127, 128, 70_000].filter(() => generator.chance(0.2))
    if (tags.length > 0) struct.unknownTags = tags.map((tag) => ({ tag, data: generator.bytes() }))
  })
}
