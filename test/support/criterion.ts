import { createHash } from 'node:crypto'
import type { LogRecord } from '#test/support/java-client.ts'
import { type Outcome, type ProducerSpec, type SentRecord, sentRecords } from '#test/support/producer-spec.ts'

/**
 * The pass criterion of every end-to-end test: what the clusters hold, read directly from them, agrees with
 * what the producers sent and were told.
 *
 * (a) every acknowledged record is there, at the acknowledged offset if there was one
 * (b) no record is there twice, for idempotent producers
 * (c) per producer and partition, records first appear in the order of sending, for ordered producers
 * (d) nothing is where it was not sent to, nothing is there that was not sent, nothing was changed
 * (e) nothing is there whose send surely failed
 * (f) every send has ended, once, and in time
 */
export interface Ledger {
  producer: string
  /** In the order of sending: `sentRecords(spec)`. */
  sent: SentRecord[]
  outcomes: Outcome[]
  /** Default true. */
  idempotent?: boolean
  /** Rule (c) holds. Default: as `idempotent`. Others too, with one batch in flight and no 7 or lost connection. */
  ordered?: boolean
  /** With acks=0 an outcome promises nothing: (a) is not checked. */
  unacknowledged?: boolean
  /** Neither client nor gateway tried twice, so the last error is the only one: more codes count for (e). */
  oneAttempt?: boolean
  /** Milliseconds from send to end, at most. Left out: any time will do. */
  timeoutMs?: number
}

export interface Violation {
  rule: 'a' | 'b' | 'c' | 'd' | 'e' | 'f'
  producer: string
  /** The record's `id`, or null if it is nobody's. */
  id: number | null
  text: string
}

export interface Logs {
  /** Everything in all topics of each cluster, by the cluster's name. */
  clusters: Record<string, LogRecord[]>
  /** The cluster that a topic belongs to. May be left out if there is only one. */
  clusterOf?: (topic: string) => string
}

interface Stored {
  cluster: string
  record: LogRecord
}

interface Entry {
  ledger: Ledger
  sent: SentRecord
  stored: Stored[]
}

/** The same bytes fail again: no attempt at such a record can have been stored. */
const NEVER_STORED = new Set([10, 17, 53, 87])
/** Refused before the append, but an earlier attempt may have been stored. */
const REFUSED_ONCE = new Set([2, 3, 19])

/**
 * What a producer program sent and was told. Strict where the spec leaves it open: without
 * `enable.idempotence` a producer with acks=all counts as idempotent, as Kafka's own is.
 *
 * @param more `count`: how many were sent, if the spec is open-ended (its `Done` line says it)
 */
export function ledgerOf(
  spec: ProducerSpec,
  outcomes: Outcome[],
  more: Partial<Ledger> & { count?: number } = {},
): Ledger {
  const { acks = 'all', 'enable.idempotence': idempotence } = spec.properties ?? {}
  const { count = spec.generate?.count ?? outcomes.length, ...rest } = more
  return {
    producer: spec.name,
    sent: sentRecords(spec, count),
    outcomes,
    idempotent: idempotence === undefined ? acks === 'all' || acks === '-1' : idempotence === 'true',
    unacknowledged: acks === '0',
    ...rest,
  }
}

/** @returns what is wrong; empty = the criterion holds. @throws if two sent records cannot be told apart */
export function violations(ledgers: Ledger[], logs: Logs): Violation[] {
  const { entries, strangers } = match(ledgers, logs)
  const found = [...strangers]
  for (const ledger of ledgers) {
    const own = entries.get(ledger)!
    for (const entry of own) found.push(...misplaced(entry, logs), ...repeated(entry))
    found.push(...unlikeOutcomes(ledger, own), ...disordered(ledger, own), ...unfinished(ledger))
  }
  return found
}

/** For a test: fails with the first few violations. */
export function assertCriterion(ledgers: Ledger[], logs: Logs): void {
  const found = violations(ledgers, logs)
  if (found.length === 0) return
  const lines = found
    .slice(0, 20)
    .map(({ rule, producer, id, text }) => `(${rule}) ${producer} #${id}: ${text}`)
  throw new Error(`${found.length} violations of the criterion:\n${lines.join('\n')}`)
}

/** Finds the sender of each stored record by its content. */
function match(ledgers: Ledger[], logs: Logs): { entries: Map<Ledger, Entry[]>; strangers: Violation[] } {
  const byContent = new Map<string, Entry>()
  const entries = new Map<Ledger, Entry[]>()
  for (const ledger of ledgers) {
    const own = ledger.sent.map((sent) => ({ ledger, sent, stored: [] }))
    entries.set(ledger, own)
    for (const entry of own) {
      const content = fingerprint(entry.sent)
      const twin = byContent.get(content)
      if (twin) throw new Error(`not to be told apart: ${nameOf(twin)} and ${nameOf(entry)}`)
      byContent.set(content, entry)
    }
  }
  const strangers: Violation[] = []
  for (const [cluster, records] of Object.entries(logs.clusters)) {
    for (const record of records) {
      const entry = byContent.get(fingerprint(record))
      if (entry) entry.stored.push({ cluster, record })
      else strangers.push(stranger(cluster, record))
    }
  }
  return { entries, strangers }
}

/** Key, value and headers, each with its length, so that no two contents look alike. */
function fingerprint({ key, value, headers }: Pick<SentRecord, 'key' | 'value' | 'headers'>): string {
  const hash = createHash('sha1')
  const add = (bytes: Buffer | null): void => {
    hash.update(`${bytes?.length ?? 'null'}:`)
    if (bytes) hash.update(bytes)
  }
  add(key)
  add(value)
  for (const [name, content] of headers) {
    add(Buffer.from(name))
    add(content)
  }
  return hash.digest('base64')
}

function stranger(cluster: string, record: LogRecord): Violation {
  const value = record.value?.toString('latin1').slice(0, 80) ?? 'null'
  const text = `nobody sent what is at ${placeOf({ cluster, record })}: ${value}`
  return { rule: 'd', producer: 'nobody', id: null, text }
}

/** (d): topic, partition, cluster and, where it was given, the timestamp. */
function misplaced({ ledger, sent, stored }: Entry, logs: Logs): Violation[] {
  const names = Object.keys(logs.clusters)
  const home = logs.clusterOf?.(sent.topic) ?? (names.length === 1 ? names[0]! : undefined)
  if (home === undefined) throw new Error('several clusters need clusterOf')
  const found: Violation[] = []
  for (const each of stored) {
    const { record, cluster } = each
    const wrong =
      cluster !== home ||
      record.topic !== sent.topic ||
      (sent.partition !== null && record.partition !== sent.partition)
    if (wrong) {
      const wanted = `${home}/${sent.topic}-${sent.partition ?? 'any'}`
      found.push(violation('d', ledger, sent.id, `sent to ${wanted}, found at ${placeOf(each)}`))
    }
    const given = sent.timestamp !== null && record.timestampType === 'CreateTime'
    if (given && record.timestamp !== sent.timestamp) {
      const text = `timestamp ${sent.timestamp} became ${record.timestamp} at ${placeOf(each)}`
      found.push(violation('d', ledger, sent.id, text))
    }
  }
  return found
}

/** (b) */
function repeated({ ledger, sent, stored }: Entry): Violation[] {
  if (ledger.idempotent === false || stored.length < 2) return []
  return [violation('b', ledger, sent.id, `found at ${stored.map(placeOf).join(' and ')}`)]
}

/** (a) and (e) */
function unlikeOutcomes(ledger: Ledger, entries: Entry[]): Violation[] {
  const byId = new Map(entries.map((entry) => [entry.sent.id, entry]))
  const found: Violation[] = []
  for (const outcome of ledger.outcomes) {
    const entry = byId.get(outcome.id)
    if (!entry) found.push(violation('f', ledger, outcome.id, 'an outcome of a record that was not sent'))
    else if (outcome.error === null) found.push(...missing(ledger, entry, outcome))
    else if (entry.stored.length > 0 && surelyFailed(ledger, outcome)) {
      const text = `failed with ${outcome.error}, but is at ${placeOf(entry.stored[0]!)}`
      found.push(violation('e', ledger, outcome.id, text))
    }
  }
  return found
}

function missing(ledger: Ledger, { sent, stored }: Entry, outcome: Outcome): Violation[] {
  if (ledger.unacknowledged) return []
  const { partition, offset } = outcome
  const there = stored.filter(({ record }) => record.topic === sent.topic && record.partition === partition)
  if (there.length === 0) {
    return [violation('a', ledger, sent.id, `acknowledged in ${sent.topic}-${partition}, but not there`)]
  }
  if (offset < 0 || there.some(({ record }) => record.offset === offset)) return []
  const text = `acknowledged at offset ${offset}, but is at ${there.map(placeOf).join(' and ')}`
  return [violation('a', ledger, sent.id, text)]
}

function surelyFailed(ledger: Ledger, { code }: Outcome): boolean {
  if (code === null) return false
  return NEVER_STORED.has(code) || (ledger.oneAttempt === true && REFUSED_ONCE.has(code))
}

/** (c) */
function disordered(ledger: Ledger, entries: Entry[]): Violation[] {
  if (!(ledger.ordered ?? ledger.idempotent ?? true)) return []
  const found: Violation[] = []
  const lastOffset = new Map<string, { offset: number; id: number }>()
  for (const { sent, stored } of entries) {
    for (const [partition, offset] of firstOffsets(stored)) {
      const before = lastOffset.get(partition)
      if (before && before.offset > offset) {
        const text = `at offset ${offset} of ${partition}, before #${before.id} at ${before.offset}`
        found.push(violation('c', ledger, sent.id, text))
      } else lastOffset.set(partition, { offset, id: sent.id })
    }
  }
  return found
}

function firstOffsets(stored: Stored[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const { cluster, record } of stored) {
    const partition = `${cluster}/${record.topic}-${record.partition}`
    first.set(partition, Math.min(record.offset, first.get(partition) ?? Infinity))
  }
  return first
}

/** (f) */
function unfinished(ledger: Ledger): Violation[] {
  const ends = new Map<number, number>()
  const found: Violation[] = []
  for (const { id, ms } of ledger.outcomes) {
    ends.set(id, (ends.get(id) ?? 0) + 1)
    if (ledger.timeoutMs !== undefined && ms > ledger.timeoutMs) {
      found.push(violation('f', ledger, id, `ended after ${ms} ms, the limit is ${ledger.timeoutMs}`))
    }
  }
  for (const { id } of ledger.sent) {
    const times = ends.get(id) ?? 0
    if (times !== 1)
      found.push(violation('f', ledger, id, times === 0 ? 'never ended' : `ended ${times} times`))
  }
  return found
}

function violation(rule: Violation['rule'], ledger: Ledger, id: number, text: string): Violation {
  return { rule, producer: ledger.producer, id, text }
}

function placeOf({ cluster, record }: Stored): string {
  return `${cluster}/${record.topic}-${record.partition}@${record.offset}`
}

function nameOf({ ledger, sent }: Entry): string {
  return `${ledger.producer} #${sent.id}`
}
