import { ProtocolError, Reader, type UnknownTag } from '#protocol/reader.ts'
import { Writer } from '#protocol/writer.ts'

/**
 * Message grammars as data: one declaration per message is the documentation, the decoder and the encoder
 * of all its versions.
 *
 *     name: string.nullable(10)       null is allowed from version 10
 *     index: int32.since(3, 5)        present in versions 3 to 5
 *     epoch: int64.tagged(0, 12)      a tagged field (KIP-482), tag 0, from version 12
 *     id: int32.or(-1)                what stands there where the version does not carry the field
 */

/** How one type is read and written. `flexible` = compact lengths and tagged fields (KIP-482). */
interface Codec<T> {
  read(reader: Reader, version: number, flexible: boolean): T
  write(writer: Writer, value: T, version: number, flexible: boolean): void
  /** Reads and writes null too; absent for types that have no null. */
  readonly nullable?: Codec<T | null>
}

interface Presence {
  since: number
  until: number
  /** First version in which null is allowed. */
  nullableFrom: number
  /** Tag number, or -1 for a field in the body. */
  tag: number
}

const ALWAYS: Presence = { since: 0, until: 0x7fff, nullableFrom: 0x7fff, tag: -1 }

export class Field<T> {
  readonly codec: Codec<T>
  readonly fallback: T
  readonly presence: Presence

  constructor(codec: Codec<T>, fallback: T, presence: Presence = ALWAYS) {
    this.codec = codec
    this.fallback = fallback
    this.presence = presence
  }

  since(since: number, until = 0x7fff): Field<T> {
    return new Field(this.codec, this.fallback, { ...this.presence, since, until })
  }

  tagged(tag: number, since: number): Field<T> {
    return new Field(this.codec, this.fallback, { ...this.presence, tag, since })
  }

  nullable(from = 0): Field<T | null> {
    const codec: Codec<T | null> | undefined = this.codec.nullable
    if (!codec) throw new Error('this type has no null')
    return new Field<T | null>(codec, null, { ...this.presence, nullableFrom: from })
  }

  or(fallback: T): Field<T> {
    return new Field(this.codec, fallback, this.presence)
  }

  in(version: number): boolean {
    return version >= this.presence.since && version <= this.presence.until
  }
}

export type Fields = Record<string, Field<any>>
/** What a decoder returns: every field, those outside the version at their fallback. */
export type Value<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never } & {
  unknownTags?: UnknownTag[]
}
/** What an encoder takes: fields left out are written as their fallback. */
export type Input<T> = T extends Buffer | bigint | string | number | boolean | null
  ? T
  : T extends (infer U)[]
    ? Input<U>[]
    : { [K in keyof T]?: Input<T[K]> }

const scalar = <T>(read: (r: Reader) => T, write: (w: Writer, value: T) => void, fallback: T) =>
  new Field<T>({ read: (r) => read(r), write: (w, value) => write(w, value) }, fallback)

export const int8 = scalar(
  (r) => r.int8(),
  (w, value: number) => w.int8(value),
  0,
)
export const int16 = scalar(
  (r) => r.int16(),
  (w, value: number) => w.int16(value),
  0,
)
export const uint16 = scalar(
  (r) => r.uint16(),
  (w, value: number) => w.uint16(value),
  0,
)
export const int32 = scalar(
  (r) => r.int32(),
  (w, value: number) => w.int32(value),
  0,
)
export const int64 = scalar(
  (r) => r.int64(),
  (w, value: bigint) => w.int64(value),
  0n,
)
export const boolean = scalar(
  (r) => r.boolean(),
  (w, value: boolean) => w.boolean(value),
  false,
)
export const NO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'
export const uuid = scalar(
  (r) => r.uuid(),
  (w, value: string) => w.uuid(value),
  NO_UUID,
)

/** A codec for a type whose length prefix can say null. */
function withNull<T>(codec: Codec<T | null>): Codec<T> {
  return {
    nullable: codec,
    read(reader, version, flexible) {
      const value = codec.read(reader, version, flexible)
      if (value === null) throw new ProtocolError('null where the version allows none')
      return value
    },
    write: codec.write,
  }
}

export const string = new Field<string>(
  withNull<string>({
    read: (r, _version, flexible) => r.nullableString(flexible),
    write: (w, value, _version, flexible) => w.nullableString(value, flexible),
  }),
  '',
)

/** Byte fields, record batches included. Decoded as views on the frame. */
export const bytes = new Field<Buffer>(
  withNull<Buffer>({
    read: (r, _version, flexible) => r.nullableBytes(flexible),
    write: (w, value, _version, flexible) => w.nullableBytes(value, flexible),
  }),
  Buffer.alloc(0),
)

export function array<T>(element: Field<T>): Field<T[]> {
  const { codec } = element
  return new Field<T[]>(
    withNull<T[]>({
      read(reader, version, flexible) {
        const length = reader.arrayLength(flexible)
        if (length < 0) return null
        const values: T[] = []
        for (let i = 0; i < length; i++) values.push(codec.read(reader, version, flexible))
        return values
      },
      write(writer, values, version, flexible) {
        writer.arrayLength(values === null ? -1 : values.length, flexible)
        if (values) for (const value of values) codec.write(writer, value, version, flexible)
      },
    }),
    Object.freeze([]) as unknown as T[],
  )
}

export function struct<F extends Fields>(fields: F): Field<Value<F>> {
  const fallback = Object.entries(fields).map(([name, field]) => [name, field.fallback])
  return new Field<Value<F>>(new StructCodec(fields), Object.freeze(Object.fromEntries(fallback)))
}

type Named = { name: string; field: Field<any> }

class StructCodec<F extends Fields> implements Codec<Value<F>> {
  readonly #body: Named[] = []
  readonly #tagged: Named[] = []

  constructor(fields: F) {
    for (const [name, field] of Object.entries(fields)) {
      ;(field.presence.tag < 0 ? this.#body : this.#tagged).push({ name, field })
    }
  }

  read(reader: Reader, version: number, flexible: boolean): Value<F> {
    const value: Record<string, unknown> = {}
    for (const { name, field } of this.#body) {
      value[name] = field.in(version)
        ? this.#readField(reader, field, name, version, flexible)
        : field.fallback
    }
    for (const { name, field } of this.#tagged) value[name] = field.fallback
    if (flexible) this.#readTags(reader, value, version)
    return value as Value<F>
  }

  #readField(reader: Reader, field: Field<any>, name: string, version: number, flexible: boolean): unknown {
    try {
      const value = field.codec.read(reader, version, flexible)
      if (value === null && version < field.presence.nullableFrom) {
        throw new ProtocolError(`null is allowed from version ${field.presence.nullableFrom} only`)
      }
      return value
    } catch (error) {
      if (error instanceof ProtocolError) error.message = `${name}: ${error.message}`
      throw error
    }
  }

  #readTags(reader: Reader, value: Record<string, unknown>, version: number): void {
    for (let left = reader.tagCount(); left > 0; left--) {
      const tag = reader.unsignedVarint()
      const start = reader.take(reader.unsignedVarint(), 'tagged field')
      const known = this.#tagged.find(({ field }) => field.presence.tag === tag && field.in(version))
      if (known) {
        const within = new Reader(reader.buffer, start, reader.position)
        value[known.name] = this.#readField(within, known.field, known.name, version, true)
        if (within.remaining > 0) throw new ProtocolError(`${known.name}: ${within.remaining} bytes too many`)
      } else {
        const data = reader.buffer.subarray(start, reader.position)
        const unknown = (value.unknownTags ??= []) as UnknownTag[]
        unknown.push({ tag, data })
      }
    }
  }

  write(writer: Writer, value: any, version: number, flexible: boolean): void {
    for (const { name, field } of this.#body) {
      if (!field.in(version)) continue
      const given = value[name] === undefined ? field.fallback : value[name]
      this.#writeField(writer, field, name, given, version, flexible)
    }
    if (flexible) this.#writeTags(writer, value, version)
  }

  #writeField(
    writer: Writer,
    field: Field<any>,
    name: string,
    value: unknown,
    version: number,
    flexible: boolean,
  ): void {
    if (value === null && version < field.presence.nullableFrom) {
      throw new RangeError(`${name}: null is allowed from version ${field.presence.nullableFrom} only`)
    }
    field.codec.write(writer, value, version, flexible)
  }

  /** Tagged fields stand in ascending order of their tags; those at their fallback are left out. */
  #writeTags(writer: Writer, value: any, version: number): void {
    const tags: UnknownTag[] = [...(value.unknownTags ?? [])]
    for (const { name, field } of this.#tagged) {
      const given = value[name]
      if (!field.in(version) || isFallback(given, field)) continue
      const inner = new Writer()
      this.#writeField(inner, field, name, given, version, true)
      tags.push({ tag: field.presence.tag, data: inner.bytes() })
    }
    tags.sort((a, b) => a.tag - b.tag)
    writer.unsignedVarint(tags.length)
    for (const tag of tags) writer.tag(tag)
  }

  /** Whether all fields are left out or at their fallbacks, and no unknown tags are carried along. */
  isFallback(value: any): boolean {
    if (value.unknownTags?.length) return false
    return [...this.#body, ...this.#tagged].every(({ name, field }) => isFallback(value[name], field))
  }
}

function isFallback(value: any, { codec, fallback }: Field<any>): boolean {
  if (value === undefined || value === fallback) return true
  if (value === null || fallback === null) return false
  return codec instanceof StructCodec ? codec.isFallback(value) : value.length === 0 && fallback.length === 0
}

/** One direction of one API. */
export interface Message<T> {
  decode(reader: Reader, version: number): T
  encode(writer: Writer, value: Input<T>, version: number): void
}

/** What a message decodes to. */
export type Decoded<M> = M extends Message<infer T> ? T : never

/** @param flexibleFrom the first version with compact lengths and tagged fields, from `apis.ts` */
export function message<F extends Fields>(flexibleFrom: number, fields: F): Message<Value<F>> {
  const { codec } = struct(fields)
  return {
    decode: (reader, version) => codec.read(reader, version, version >= flexibleFrom),
    encode: (writer, value, version) =>
      codec.write(writer, value as Value<F>, version, version >= flexibleFrom),
  }
}
