import { ProtocolError, Reader } from '#protocol/reader.ts'

/**
 * Elements of all arrays of one request, topics and partitions together. An element of a few bytes becomes
 * objects of a few hundred: 16 MiB of empty topic names would be over a gigabyte.
 */
export const MAX_ELEMENTS = 100_000

const LABEL_CHARACTERS = 128
/** A string of the protocol has at most 32,767 bytes, and a replacement character has 3. */
const REPLACED_LENGTH = Math.floor(0x7fff / 3)

/** Reads what a client sent: beside the bytes, what they become is bounded. */
export class RequestReader extends Reader {
  /** Read so far, of all arrays. */
  elements = 0

  override arrayLength(compact: boolean): number {
    const length = super.arrayLength(compact)
    this.elements += Math.max(0, length)
    if (this.elements > MAX_ELEMENTS) {
      throw new ProtocolError(`${this.elements} array elements, the limit is ${MAX_ELEMENTS}`)
    }
    return length
  }

  /** Bytes that are no UTF-8 decode to replacement characters, which may not fit where they came from. */
  override nullableString(compact: boolean, likely: string | null = null): string | null {
    const text = super.nullableString(compact, likely)
    if (text && text.length > REPLACED_LENGTH && Buffer.byteLength(text) > 0x7fff) {
      throw new ProtocolError('a string is not UTF-8')
    }
    return text
  }
}

/** What is kept of a name that a client gave itself. A plain slice would keep all of it in memory. */
export function labelOf(text: string): string {
  return text.length <= LABEL_CHARACTERS ? text : Buffer.from(text.slice(0, LABEL_CHARACTERS)).toString()
}
