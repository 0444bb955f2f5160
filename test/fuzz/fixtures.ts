import { ProtocolError, Reader } from '#protocol/reader.ts'
import type { Input, Message } from '#protocol/schema.ts'
import { Writer } from '#protocol/writer.ts'
import type { Random } from '#test/simulation/random.ts'
import { plainBatch } from '#test/support/batches.ts'

/**
 * Valid messages at random, from our own grammars: a grammar is asked to decode, and the reader it is given
 * makes the values up. So every message has a source of fixtures without a second description of it.
 */
export interface Fixture<T> {
  value: T
  /** The value as the version writes it. */
  bytes: Buffer
}

export function fixture<T>(message: Message<T>, version: number, random: Random): Fixture<T> {
  for (let nulls = 0.15; ; nulls = nulls > 0.01 ? nulls / 2 : 0) {
    try {
      const value = message.decode(new InventingReader(random, nulls), version)
      return { value, bytes: encode(message, value, version) }
    } catch (error) {
      // A null where there must be none, or a tagged field whose made-up bytes are no such field.
      if (!(error instanceof ProtocolError)) throw error
    }
  }
}

export function encode<T>(message: Message<T>, value: T, version: number): Buffer {
  const writer = new Writer()
  message.encode(writer, value as Input<T>, version)
  return writer.bytes()
}

const STRINGS = ['', 'a', 'orders', 'orders.eu-1', 'a topic', 'ä€語', '🦆\0"\n', '\u{feff}x']
const INTERESTING = [0, 0, 0, 1, 2, 5, 0x7f, 0x80, 0xfe, 0xff, 0xff]
/** A known number is often one of these. */
const TAGS = [0, 1, 2, 3, 9, 127, 128, 70_000]

const POOL = pool()

/** What numbers are made of: stretches of zeros, small numbers, extremes, and bytes of no kind at all. */
function pool(): Buffer {
  const bytes = Buffer.alloc(32 * 1024)
  for (let at = 0; at < bytes.length; at++) {
    const any = Math.imul(at + 1, 0x9e3779b1) >>> 24
    const stretch = (at >> 4) % 4
    bytes[at] = stretch === 0 ? any : stretch === 1 ? 0 : INTERESTING[any % INTERESTING.length]!
  }
  return bytes
}

/** Answers every question of a grammar with something that it allows. */
class InventingReader extends Reader {
  readonly #random: Random
  readonly #nulls: number
  #nextTag = -1
  #inTags = false

  constructor(random: Random, nulls: number) {
    super(POOL)
    this.#random = random
    this.#nulls = nulls
  }

  override get remaining(): number {
    return 0x7fffffff
  }

  override take(length: number): number {
    const start = Math.floor(this.#random.next() * (POOL.length - length))
    this.position = start + length
    return start
  }

  override boolean(): boolean {
    return this.#random.chance(0.5)
  }

  override nullableString(): string | null {
    if (this.#random.chance(this.#nulls)) return null
    if (this.#random.chance(0.002)) return 'x'.repeat(this.#random.pick([16_382, 16_383, 32_767]))
    if (this.#random.chance(0.05)) return 'y'.repeat(this.#random.whole(120, 300))
    return this.#random.pick(STRINGS)
  }

  override nullableBytes(): Buffer | null {
    if (this.#random.chance(this.#nulls)) return null
    if (this.#random.chance(0.3)) return plainBatch('v', this.#random.whole(1, 3))
    const length = this.#random.pick([0, 1, 60, 61, 127, 128, 300, 5000])
    const start = this.take(length)
    return POOL.subarray(start, start + length)
  }

  override arrayLength(): number {
    if (this.#random.chance(this.#nulls)) return -1
    return this.#random.chance(0.01) ? this.#random.pick([126, 127, 128]) : this.#random.pick([0, 1, 1, 2, 3])
  }

  override tagCount(): number {
    this.#nextTag = -1
    this.#inTags = false
    return this.#random.chance(0.8) ? 0 : this.#random.pick([1, 1, 2, 3])
  }

  /** Numbers of tagged fields, ascending, and their lengths in turn. */
  override unsignedVarint(): number {
    this.#inTags = !this.#inTags
    if (!this.#inTags) return this.#random.pick([0, 1, 1, 8, 8, 127, 128])
    const higher = TAGS.filter((tag) => tag > this.#nextTag)
    this.#nextTag = higher.length === 0 ? this.#nextTag + 1 : this.#random.pick(higher)
    return this.#nextTag
  }
}
