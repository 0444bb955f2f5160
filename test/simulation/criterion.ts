import { type Identity, identityOf } from '#test/simulation/batch-bytes.ts'
import type { SimClient } from '#test/simulation/client.ts'
import type { SimCluster } from '#test/simulation/cluster.ts'
import type { ClientPair, Copy } from '#test/simulation/copies.ts'
import type { SimNode } from '#test/simulation/node.ts'
import type { NodeConnection } from '#test/simulation/node-connection.ts'
import type { Entry, PartitionLog } from '#test/simulation/partition-log.ts'

/**
 * Pass criterion P (kafka.md §7), judged from the brokers' logs once a run is over: (a) what was acknowledged
 * is there, (b) nothing is twice there, (c) order, (d) nothing is where it does not belong. The rules (e) and
 * (f) are watched while the run goes on (checks.ts).
 *
 * @returns what is wrong, in words; empty = it holds
 */
export function violations(
  cluster: SimCluster,
  clients: readonly SimClient[],
  connections: readonly NodeConnection[],
): string[] {
  const found: string[] = []
  const entries = new Map<PartitionLog, [Entry, Identity][]>()
  const stored = new Map<PartitionLog, Stored>()
  for (const log of cluster.logs) {
    entries.set(
      log,
      log.entries.map((entry) => [entry, identityOf(entry.bytes)]),
    )
    stored.set(log, new Stored(log))
  }
  for (const log of cluster.logs) found.push(...misplaced(log, entries.get(log)!))
  for (const client of clients) {
    for (const pair of client.pairs)
      found.push(...checkPair(client, pair, entries.get(pair.log)!, stored.get(pair.log)!))
  }
  for (const connection of connections) found.push(...disordered(connection))
  return found
}

function misplaced(log: PartitionLog, entries: [Entry, Identity][]): string[] {
  const found: string[] = []
  for (const [{ offset }, { client, topic, partition, number }] of entries) {
    if (topic !== log.topicNumber || partition !== log.index) {
      found.push(`(d) c${client}#${number} of t${topic}/${partition} is on ${log.name} at ${offset}`)
    }
  }
  return found
}

function checkPair(client: SimClient, pair: ClientPair, all: [Entry, Identity][], stored: Stored): string[] {
  const own = all.filter(([, identity]) => identity.client === pair.client)
  const found: string[] = []
  for (const out of pair.all) for (const copy of out.copies) found.push(...unstored(copy, stored))
  const times = new Map<number, Entry>()
  let last = -1
  for (const [entry, { number }] of own) {
    const before = times.get(number)
    if (before) {
      // Under a new epoch it is the client that has sent it anew.
      if (pair.producerId && before.copy.epoch === entry.copy.epoch)
        found.push(`(b) ${entry.copy} is twice there`)
      continue
    }
    times.set(number, entry)
    if (number < last && mustBeOrdered(client, pair)) {
      found.push(`(c) ${entry.copy} stands behind #${last}`)
    }
    last = Math.max(last, number)
  }
  return found
}

/** Idempotent producers, and others that have one batch in flight and always knew what became of it. */
function mustBeOrdered({ plan }: SimClient, pair: ClientPair): boolean {
  if (pair.producerId) return true
  if (plan.style.requestsInFlight > 1 || plan.style.acks === 0) return false
  return pair.all.every(({ copies }) => copies.every((copy) => !copy.unknown && !copy.unheard))
}

/** (a) An acknowledged batch is in the log, at its offset. What only the leader had may be lost with it. */
function unstored(copy: Copy, stored: Stored): string[] {
  if (copy.answeredAt < 0 || copy.errorCode !== 0 || copy.refusal !== 0) return []
  if (stored.has(copy, copy.acks !== -1)) return []
  return [`(a) ${copy} was acknowledged at ${copy.baseOffset}, where it is not`]
}

/** What a log holds and has lost, by offset. */
class Stored {
  readonly #held = new Map<number, Entry>()
  readonly #lost = new Map<number, Entry[]>()

  constructor({ entries, lost }: PartitionLog) {
    for (const entry of entries) this.#held.set(entry.offset, entry)
    for (const entry of lost) this.#lost.set(entry.offset, [...(this.#lost.get(entry.offset) ?? []), entry])
  }

  has({ out, baseOffset }: Copy, orLost: boolean): boolean {
    if (this.#held.get(baseOffset)?.copy.out === out) return true
    return orLost && (this.#lost.get(baseOffset) ?? []).some(({ copy }) => copy.out === out)
  }
}

/** The batches of a connection without producer id are stored in the order of reading while fates are known. */
function disordered({ copies }: NodeConnection): string[] {
  const found: string[] = []
  const last = new Map<PartitionLog, Copy>()
  for (const copy of copies) {
    if (copy.idempotent || copy.unknown || !copy.entry || copy.entry.lost) continue
    const { log } = copy.out.pair
    const before = last.get(log)
    if (before && before.entry!.offset > copy.entry.offset) found.push(`(c) ${copy} stands before ${before}`)
    last.set(log, copy)
  }
  return found
}

/** With nothing in the way every batch is stored once, at the first attempt. */
export function unfulfilled({ pairs }: SimClient): string[] {
  const found: string[] = []
  for (const { all } of pairs) {
    for (const { outcome, copies, number, pair } of all) {
      const fine = outcome === 'acked' || outcome === 'unacknowledged'
      const name = `c${pair.client}#${number}`
      if (!fine) found.push(`${name} was ${outcome} though nothing was in the way`)
      if (copies.length > 1)
        found.push(`${name} was sent ${copies.length} times though nothing was in the way`)
    }
  }
  return found
}

/** An engine that has nothing left to do holds nothing and does nothing. */
export function leftovers(node: SimNode): string[] {
  const { engine, admission, checks, name } = node
  const found: string[] = []
  const zero = (what: string, value: number): void => {
    if (value !== 0) found.push(`${name}: ${what} is ${value} at the end`)
  }
  zero('batches without an answer', checks.unanswered)
  zero('engine.waiting', engine.waiting)
  zero('engine.inFlightBytes', engine.inFlightBytes)
  zero('reserved bytes', admission.used)
  zero('paused connections', admission.paused)
  zero('lanes', engine.lanes.count)
  zero('connections', node.connections.size)
  for (const { topic, index, pairs, ready } of checks.partitions) {
    const partition = `${topic}/${index}`
    zero(`pairs of ${partition}`, pairs.length)
    zero(`ready pairs of ${partition}`, ready[0].length + ready[1].length)
  }
  return found
}
