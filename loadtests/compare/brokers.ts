import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What brokers have counted since they started, all of them together. */
export interface Counters {
  /** Produce requests. */
  produce: number
  records: number
  /** Connections accepted by all listeners, whatever for. */
  connections: number
}

/** As the agent's rules call them (`test/bench/stage.ts`). */
const COUNTERS: Record<keyof Counters, RegExp> = {
  produce: /^bench_produce\b/,
  records: /^bench_records\b/,
  connections: /^bench_connections\b/,
}

/** @param urls of the agents, one per broker */
export async function readCounters(urls: readonly string[]): Promise<Counters> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(url)).text()))
  return sumCounters(texts.join('\n'))
}

/** A counter that is not there yet is 0: brokers make them on first use. @throws if the page is another's */
export function sumCounters(text: string): Counters {
  const lines = text.split('\n')
  const read = ([name, pattern]: [string, RegExp]): [string, number] => {
    const found = lines.filter((line) => pattern.test(line))
    if (found.length === 0 && name === 'connections') throw new Error('no broker tells how many connections')
    return [name, found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)]
  }
  return Object.fromEntries(Object.entries(COUNTERS).map(read)) as unknown as Counters
}

/** Bytes that each connection to a broker has carried so far, by `local peer` addresses. */
export type Traffic = Map<string, { received: number; sent: number }>

/** @param ports at which brokers listen @param owners processes that hold the other end; all else is left out */
export async function readTraffic(ports: readonly number[], owners: readonly number[]): Promise<Traffic> {
  const filter = (side: string): string[] =>
    ports.flatMap((port, i) => [...(i > 0 ? ['or'] : []), side, '=', `:${port}`])
  const list = async (flags: string, side: string): Promise<string[]> => {
    const { stdout } = await run('ss', [flags, 'state', 'established', '(', ...filter(side), ')'], LARGE)
    return stdout.split('\n')
  }
  const theirs = ownedBy(owners, await list('-tnpHO', 'dport'))
  const traffic: Traffic = new Map()
  for (const line of await list('-tinHO', 'sport')) {
    const [, , local = '', peer = ''] = line.trim().split(/\s+/)
    if (!theirs.has(plain(peer))) continue
    const amount = (name: string): number => Number(new RegExp(` ${name}:(\\d+)`).exec(line)?.[1] ?? 0)
    traffic.set(`${local} ${peer}`, { received: amount('bytes_received'), sent: amount('bytes_sent') })
  }
  return traffic
}

/** Local addresses of the sockets, one a line, that these processes hold. */
function ownedBy(pids: readonly number[], lines: readonly string[]): Set<string> {
  const owners = new RegExp(`pid=(${pids.join('|')}),`)
  return new Set(lines.flatMap((line) => (owners.test(line) ? plain(line.trim().split(/\s+/)[2] ?? '') : [])))
}

/** Java's sockets are IPv6 and show IPv4 addresses as `[::ffff:127.0.0.1]`. */
function plain(address: string): string {
  return address.replace('[::ffff:', '').replace(']', '')
}

/**
 * Connections that carried a Produce, and all others. What tells them apart: a Produce is larger than its
 * answer, while Metadata, ApiVersions and the like are smaller than theirs.
 */
export function connectionsBetween(before: Traffic, after: Traffic): { produce: number; others: number } {
  let produce = 0
  for (const [key, { received, sent }] of after) {
    const then = before.get(key) ?? { received: 0, sent: 0 }
    const [more, answered] = [received - then.received, sent - then.sent]
    if (more >= SMALLEST_PRODUCE && more > answered) produce++
  }
  return { produce, others: after.size - produce }
}

const SMALLEST_PRODUCE = 100
const LARGE = { maxBuffer: 256 * 1024 * 1024 }
const run = promisify(execFile)
