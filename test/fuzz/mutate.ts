import { ProtocolError, Reader } from '#protocol/reader.ts'
import { Writer } from '#protocol/writer.ts'
import type { Random } from '#test/simulation/random.ts'

/** A length that a decoder relies on, where it stands and how it is written. */
export interface LengthField {
  at: number
  bytes: number
  form: 'int16' | 'int32' | 'varint'
}

/** Notes where the lengths stand that a decoder reads. */
export class NotingReader extends Reader {
  readonly lengths: LengthField[] = []
  #compact = false

  override stringLength(compact: boolean): number {
    return this.#note(compact, 'int16', () => super.stringLength(compact))
  }

  override bytesLength(compact: boolean): number {
    return this.#note(compact, 'int32', () => super.bytesLength(compact))
  }

  override arrayLength(compact: boolean): number {
    return this.#note(compact, 'int32', () => super.arrayLength(compact))
  }

  /** Tag counts, numbers and lengths: all that is not the inside of another length. */
  override unsignedVarint(): number {
    return this.#compact ? super.unsignedVarint() : this.#note(true, 'int32', () => super.unsignedVarint())
  }

  #note(compact: boolean, form: 'int16' | 'int32', read: () => number): number {
    const at = this.position
    this.#compact = true
    const value = read()
    this.#compact = false
    this.lengths.push({ at, bytes: this.position - at, form: compact ? 'varint' : form })
    return value
  }
}

/** Where the lengths stand in `bytes`, as far as the decoder gets. */
export function lengthFields(bytes: Buffer, decode: (reader: Reader) => void): LengthField[] {
  const reader = new NotingReader(bytes)
  try {
    decode(reader)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
  return reader.lengths
}

const LIES = [-2, -1, 0, 1, 0x7f, 0x80, 0x7ffe, 0x7fff, 0x8000, 0x100_0000, 0x7ffffffe, 0x7fffffff]

/** A length field that tells a lie, the rest as it was. */
function inflate(bytes: Buffer, { at, bytes: size, form }: LengthField, random: Random): Buffer {
  const left = bytes.length - at - size
  const lie = random.chance(0.3) ? left + random.whole(-2, 2) : random.pick(LIES)
  const writer = new Writer()
  if (form === 'varint') writer.unsignedVarint((lie >>> 0) + (random.chance(0.5) && lie < 0xff ? 1 : 0))
  else if (form === 'int16') writer.int16((lie << 16) >> 16)
  else writer.int32(lie | 0)
  return Buffer.concat([bytes.subarray(0, at), writer.bytes(), bytes.subarray(at + size)])
}

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer

const flipBits: Mutation = (bytes, random) => {
  const copy = Buffer.from(bytes)
  for (let left = random.pick([1, 1, 1, 2, 8]); left > 0; left--) {
    copy[random.whole(0, copy.length - 1)]! ^= 1 << random.whole(0, 7)
  }
  return copy
}

const setBytes: Mutation = (bytes, random) => {
  const copy = Buffer.from(bytes)
  const at = random.whole(0, copy.length - 1)
  const end = Math.min(copy.length, at + random.pick([1, 1, 2, 4, 8]))
  copy.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), at, end)
  return copy
}

const truncate: Mutation = (bytes, random) =>
  Buffer.from(bytes.subarray(0, random.whole(0, bytes.length - 1)))

const extend: Mutation = (bytes, random) => Buffer.concat([bytes, anyBytes(random, random.whole(1, 9))])

/** The beginning of one, the end of another: both decode far before they part. */
const splice: Mutation = (bytes, random, other) => {
  const from = other.subarray(random.whole(0, other.length))
  return Buffer.concat([bytes.subarray(0, random.whole(0, bytes.length)), from])
}

/** A stretch twice, or left out. */
const repeat: Mutation = (bytes, random) => {
  const [a, b] = [random.whole(0, bytes.length), random.whole(0, bytes.length)]
  return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)])
}

const MUTATIONS = [flipBits, flipBits, setBytes, truncate, extend, splice, repeat]

/**
 * One or a few changes to valid bytes.
 *
 * @param other valid bytes of the same kind, for splices
 * @param decode a decoder of the kind, to find its lengths
 */
export function mutate(
  bytes: Buffer,
  other: Buffer,
  random: Random,
  decode?: (reader: Reader) => void,
): Buffer {
  let result = bytes
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && result.length > 0; left--) {
    const fields = decode && random.chance(0.4) ? lengthFields(result, decode) : []
    result =
      fields.length > 0
        ? inflate(result, random.pick(fields), random)
        : random.pick(MUTATIONS)(result, random, other)
  }
  return result
}

/** Bytes of no kind; small numbers and zeros stand out, as they do in messages. */
export function anyBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const even = random.chance(0.5)
  for (let at = 0; at < length; at++)
    bytes[at] = even || random.chance(0.3) ? random.whole(0, 255) : random.whole(0, 3)
  return bytes
}
