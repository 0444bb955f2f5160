/** A power of two. */
const SLOTS = 4096
/** Bytes; longer ones are made anew each time. */
const LONGEST = 64

/** The strings that were read last, each where its bytes lead. All readers share them: they read the same names. */
const seen: string[] = new Array(SLOTS).fill('')

/** Whether those bytes are exactly that text. Said only of ASCII: then a character is a byte. */
export function spells(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[start + i]!
    if (byte > 0x7f || byte !== text.charCodeAt(i)) return false
  }
  return true
}

/**
 * UTF-8 as a string. Topics and client ids come with every request: one that was seen lately is the same string
 * again, whose hash is known, instead of a new one.
 */
export function readName(bytes: Buffer, start: number, end: number): string {
  if (end - start > LONGEST) return bytes.toString('utf8', start, end)
  let hash = 0
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1)
  const last = seen[slot]!
  if (spells(last, bytes, start, end)) return last
  const name = bytes.toString('utf8', start, end)
  seen[slot] = name
  return name
}
