/** A figure and its unit, kept apart so that they can be set apart. */
export interface Figure {
  text: string
  unit: string
}

/** What is shown where nothing is known. The stream leaves out what is null, so that is read as null, too. */
export const NOTHING: Figure = { text: '–', unit: '' }

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function join({ text, unit }: Figure): string {
  return unit ? `${text}\u00a0${unit}` : text
}

/** Three significant digits below 10,000; whole thousands and millions above. */
export function number(value: number | null | undefined): string {
  if (value == null) return NOTHING.text
  const size = Math.abs(value)
  if (size >= 999_500_000) return `${digits(value / 1e9)}\u00a0G`
  if (size >= 999_500) return `${digits(value / 1e6)}\u00a0M`
  if (size >= 9_999.5) return `${digits(value / 1e3)}\u00a0k`
  return size >= 999.5 ? whole(value) : digits(value)
}

/** A count that is shown in full. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-GB')
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (value === 0) return '0'
  if (size < 0.05) return value < 0 ? '0' : '<0.1'
  if (size >= 99.95 || Number.isInteger(value)) return whole(value)
  return value.toFixed(1)
}

export function rate(perSecond: number | null | undefined): Figure {
  return perSecond == null ? NOTHING : { text: number(perSecond), unit: '/s' }
}

export function bytes(size: number | null | undefined): Figure {
  if (size == null) return NOTHING
  let power = 0
  for (let rest = Math.abs(size); rest >= 1023.5 && power < BYTES.length - 1; rest /= 1024) power++
  const scaled = size / 1024 ** power
  return { text: power === 0 ? whole(scaled) : digits(scaled), unit: BYTES[power]! }
}

export function byteRate(perSecond: number | null | undefined): Figure {
  const { text, unit } = bytes(perSecond)
  return perSecond == null ? NOTHING : { text, unit: `${unit}/s` }
}

export function milliseconds(ms: number | null | undefined): Figure {
  if (ms == null) return NOTHING
  if (ms >= 9_999.5) return { text: digits(ms / 1000), unit: 's' }
  if (ms > 0 && ms < 0.995) return { text: ms < 0.005 ? '<0.01' : ms.toFixed(2), unit: 'ms' }
  return { text: number(ms), unit: 'ms' }
}

export function cores(cpu: number | null | undefined): Figure {
  if (cpu == null) return NOTHING
  return { text: cpu.toFixed(2), unit: 'cores' }
}

const SPANS: [ms: number, unit: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
]

/** How long something lasts or how long ago it was: the largest two units that matter. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  for (const [i, [length, unit]] of SPANS.entries()) {
    if (seconds * 1000 < length) continue
    const [nextLength, nextUnit] = SPANS[i + 1] ?? [1000, 's']
    const rest = Math.floor(((seconds * 1000) % length) / nextLength)
    const whole = `${Math.floor((seconds * 1000) / length)}\u00a0${unit}`
    return rest ? `${whole} ${rest}\u00a0${nextUnit}` : whole
  }
  return `${seconds}\u00a0s`
}

/** Time of day where the page is read, `HH:MM:SS`. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => `${n}`.padStart(2, '0')).join(':')
}

/** A hash in so many digits as people compare. */
export function shortHash(hash: string): string {
  return hash.replace(/^sha256:/, '').slice(0, 8)
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`
}

/** `a`, `a and b`, `a, b and c`. */
export function list(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}
