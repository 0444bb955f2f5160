import assert from 'node:assert/strict'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ProtocolError } from '#protocol/reader.ts'

/** Whatever a call costs beside its input: garbage of the harness, code that V8 has just compiled. */
const SLACK_BYTES = 2 * 1024 * 1024
/** An array element of one byte becomes an object with a few fields: about 200 bytes in V8. */
const BYTES_PER_BYTE = 256
/** Far beyond any honest decoding, so that only a runaway loop gets there. */
const PATIENCE_MS = 10_000

/** What is refused is refused in words that end. */
const LONGEST_REASON = 300

function allocated(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

/**
 * Reads hostile bytes: nothing but a ProtocolError may come of it, and no more memory may be taken than the
 * bytes present justify.
 *
 * @param present bytes that really came
 * @returns null when they were refused
 */
export function attempt<T>(present: number, read: () => T): { value: T } | null {
  const began = performance.now()
  const before = allocated()
  let outcome: { value: T } | null = null
  try {
    outcome = { value: read() }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const { message } = error
    assert.ok(message.length > 0 && message.length < LONGEST_REASON, `the reason is too long: ${message}`)
  }
  const taken = allocated() - before
  const allowed = SLACK_BYTES + present * BYTES_PER_BYTE
  assert.ok(taken <= allowed, `${taken} bytes were allocated for ${present}, allowed are ${allowed}`)
  const ms = performance.now() - began
  assert.ok(ms < PATIENCE_MS, `reading took ${ms} ms`)
  return outcome
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of buffers and objects that are really held; garbage is collected until it is no more than `enough`. */
export function memoryHeld(enough: number): number {
  let held = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 5 && held > enough; tries++) {
    collectGarbage()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    held = arrayBuffers + heapUsed
  }
  return held
}

/** Elements of all arrays in a decoded value; its byte fields must be views on the bytes it was read from. */
export function countElements(value: unknown, source: Buffer): number {
  if (value === null || typeof value !== 'object') return 0
  if (Buffer.isBuffer(value)) {
    const view = value.length === 0 || value.buffer === source.buffer
    assert.ok(view, 'a byte field is a copy, not a view')
    return 0
  }
  const inner = Object.values(value)
  let count = Array.isArray(value) ? inner.length : 0
  for (const each of inner) count += countElements(each, source)
  return count
}

/** Whether text was made of bytes that are no UTF-8: it may be longer than what it was read from. */
export function hasReplacements(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\ufffd')
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return false
  return Object.values(value).some(hasReplacements)
}
