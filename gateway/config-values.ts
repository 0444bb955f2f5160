import { isIP } from 'node:net'
import { z } from 'zod'

/** What error texts, the documents and print-config know about a value beyond its type. */
export interface Facts {
  /** Completes "must be ...". */
  expects: string
  /** How the parsed value is written in a file; none: as it is. */
  unit?: 'duration' | 'size' | 'address'
}

/** Facts by schema. A registry of its own, so that nothing of it leaks into the JSON Schema. */
export const facts = z.registry<Facts>()

export interface Address {
  /** Name or IP address, IPv6 without brackets. */
  host: string
  port: number
}

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

/** `30s` in a file, milliseconds in the parsed value. A bare number has no unit and is refused. */
export function duration(min: string, max: string) {
  return z
    .string()
    .regex(/^\d+(ms|s|m|h|d)$/)
    .transform(parseDuration)
    .pipe(z.number().min(parseDuration(min)).max(parseDuration(max)))
    .register(facts, { expects: `a duration from ${min} to ${max}`, unit: 'duration' })
}

/** `1MiB` in a file, bytes in the parsed value. */
export function size(min: string, max: string) {
  return z
    .string()
    .regex(/^\d+(B|KiB|MiB|GiB|TiB)$/)
    .transform(parseSize)
    .pipe(z.number().min(parseSize(min)).max(parseSize(max)))
    .register(facts, { expects: `a size from ${min} to ${max}`, unit: 'size' })
}

export function integer(min: number, max: number) {
  return z
    .int()
    .min(min)
    .max(max)
    .register(facts, { expects: `a whole number from ${min} to ${max}` })
}

export function choice<const T extends string>(...values: T[]) {
  return z.enum(values).register(facts, { expects: values.join(', ').replace(/, (?=[^,]*$)/, ' or ') })
}

export function yesNo() {
  return z.boolean().register(facts, { expects: 'true or false' })
}

export function text(pattern: RegExp, expects: string) {
  return z.string().regex(pattern).register(facts, { expects })
}

/** `host:port`, IPv6 in brackets: `[::1]:9092`. */
export function address(minPort: number) {
  return z
    .string()
    .regex(/^(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\s:[\]]+):\d{1,5}$/)
    .transform(parseAddress)
    .pipe(z.object({ host: z.string().refine(isHost), port: z.int().min(minPort).max(65_535) }))
    .register(facts, {
      expects: `host:port with a port from ${minPort} to 65535 (IPv6 as "[::1]:9092")`,
      unit: 'address',
    })
}

/** A key that is known but not yet served. */
export function reserved() {
  return z.never().optional().describe('Not in this release.')
}

/** @param text must be a valid duration */
export function parseDuration(text: string): number {
  const unit = text.replace(/^\d+/, '') as keyof typeof MS
  return Number.parseInt(text, 10) * MS[unit]
}

/** @param text must be a valid size */
export function parseSize(text: string): number {
  const unit = text.replace(/^\d+/, '') as keyof typeof BYTES
  return Number.parseInt(text, 10) * BYTES[unit]
}

/** The largest unit that leaves a whole number: 90000 ms is `90s`. */
export function formatDuration(ms: number): string {
  return formatUnits(ms, MS)
}

export function formatSize(bytes: number): string {
  return formatUnits(bytes, BYTES)
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Written the way a configuration file has it. */
export function formatValue(value: unknown, unit: Facts['unit']): unknown {
  if (unit === 'address') return formatAddress(value as Address)
  if (typeof value !== 'number') return value
  if (unit === 'duration') return formatDuration(value)
  return unit === 'size' ? formatSize(value) : value
}

/** A host name (underscores allowed, as in container networks) or an IP address. */
export function isHost(host: string): boolean {
  return isIP(host) > 0 || (host.length <= 253 && /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(host))
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Bound to every interface, so no address that a client could be told. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

function formatUnits(value: number, units: Record<string, number>): string {
  const fitting = Object.entries(units).filter(([, factor]) => value % factor === 0)
  const [unit, factor] = value === 0 ? Object.entries(units)[0]! : fitting.at(-1)!
  return `${value / factor}${unit}`
}
