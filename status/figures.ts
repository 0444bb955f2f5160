import type { LatencyStatus, Percentiles, Rates, TopicTotals } from '#status/contract.ts'
import { percentile } from '#status/histogram.ts'
import { addUp } from '#status/merge.ts'
import { own } from '#status/own.ts'
import type { AckDurations, ClusterSample, NodeReport, WorkerSample } from '#status/samples.ts'
import { OTHER, topTopics } from '#status/top.ts'

/** Percentiles are of the last so many samples, one a second. */
const WINDOW = 10

const NO_RATES: Rates = { batchesIn: 0, recordsIn: 0, bytesIn: 0, submissions: 0, acks: 0, errors: 0 }

const NO_TOTALS: TopicTotals = { batchesIn: 0, recordsIn: 0, bytesIn: 0, acks: 0, errors: 0 }

/** What a node makes of its totals: how fast they grow. */
export interface ClusterFigures {
  rates: Rates
  errorRates: Record<string, number>
  batchesPerSubmission: number
  durations: NodeReport['durations'][string]
}

interface Taken {
  at: number
  sample: WorkerSample
}

/** The samples of the last seconds, and what has changed between them. */
export class NodeFigures {
  /** Oldest first. */
  readonly #taken: Taken[] = []
  #watched: ReadonlySet<string> = new Set()

  /** @param watched topics that are wanted by name */
  add(sample: WorkerSample | null, watched: ReadonlySet<string>): void {
    this.#watched = watched
    if (!sample) return
    this.#taken.push({ at: performance.now(), sample })
    if (this.#taken.length > WINDOW + 1) this.#taken.shift()
  }

  get #last(): Taken | undefined {
    return this.#taken.at(-1)
  }

  get #before(): Taken | undefined {
    return this.#taken.at(-2)
  }

  /** Between the last two samples. */
  get #seconds(): number {
    return this.#before ? Math.max(this.#last!.at - this.#before.at, 1) / 1000 : 1
  }

  of(cluster: string): ClusterFigures {
    const now = this.#last?.sample.clusters[cluster]
    const before = this.#before?.sample.clusters[cluster]
    // A cluster that a reload has brought began at 0; before the first sample nothing is known.
    const since = this.#taken.length > 1 ? before : now
    const oldest = this.#taken[0]?.sample.clusters[cluster]
    return {
      rates: now ? pickRates(perSecond(now.totals, since?.totals, this.#seconds)) : NO_RATES,
      errorRates: now ? grown(now.errorCodes, since?.errorCodes, this.#seconds) : {},
      batchesPerSubmission: now ? packing(now, oldest) : 0,
      durations: windowOf(now?.durations, this.#taken.length > 1 ? oldest?.durations : undefined),
    }
  }

  /** Of the workers together, in cores. */
  get cpu(): number {
    const [now, before] = [this.#last?.sample.processes ?? {}, this.#before?.sample.processes ?? {}]
    let us = 0
    for (const [pid, { cpu }] of Object.entries(now)) {
      const earlier = before[pid]
      if (earlier) us += cpu - earlier.cpu
    }
    return us / 1e6 / this.#seconds
  }

  /**
   * The top ones, those watched, and the rest together.
   *
   * @param sample whose totals are told: the last one that was added, or a later one
   */
  topics(sample: WorkerSample | null): NodeReport['topics'] {
    const now = topicTotals(this.#last?.sample)
    const before = this.#before ? topicTotals(this.#before.sample) : now
    const all: NodeReport['topics'] = {}
    for (const [name, totals] of Object.entries(topicTotals(sample))) {
      all[name] = { totals, rates: perSecond(own(now, name) ?? NO_TOTALS, own(before, name), this.#seconds) }
    }
    const shown = topTopics(all, this.#watched)
    if (shown === all) return all
    const { [OTHER]: other, ...named } = shown
    const hidden = Object.entries(all).filter(([name]) => !Object.hasOwn(shown, name))
    const rest = hidden.reduce((sum, [, each]) => (sum ? addUp(sum, each) : each), other)
    return rest ? { ...named, [OTHER]: rest } : named
  }
}

function topicTotals(sample: WorkerSample | null | undefined): Record<string, TopicTotals> {
  const all: Record<string, TopicTotals> = {}
  for (const { topics } of Object.values(sample?.clusters ?? {})) {
    for (const [name, totals] of Object.entries(topics)) {
      const known = own(all, name)
      // A reload may have moved it to another cluster.
      all[name] = known ? addUp(known, totals) : totals
    }
  }
  return all
}

/** A total that fell is of a cluster that was removed and came back: it grew from 0. */
function perSecond<T extends object>(now: T, before: T | undefined, seconds: number): T {
  const rates = { ...now } as Record<string, number>
  const earlier = (before ?? {}) as Record<string, number>
  for (const [key, total] of Object.entries(now as Record<string, number>)) {
    const from = earlier[key] ?? 0
    rates[key] = (total - (from > total ? 0 : from)) / seconds
  }
  return rates as T
}

function pickRates({ batchesIn, recordsIn, bytesIn, submissions, acks, errors }: Rates): Rates {
  return { batchesIn, recordsIn, bytesIn, submissions, acks, errors }
}

/** Those of which there were new ones. */
function grown(
  now: Record<string, number>,
  before: Record<string, number> | undefined,
  seconds: number,
): Record<string, number> {
  const rates = Object.entries(perSecond(now, before, seconds))
  return Object.fromEntries(rates.filter(([, rate]) => rate > 0))
}

function packing({ totals }: ClusterSample, before: ClusterSample | undefined): number {
  const earlier = before?.totals
  const recent = totals.submissions - (earlier?.submissions ?? 0)
  if (earlier && recent > 0) return (totals.batchesSubmitted - earlier.batchesSubmitted) / recent
  return totals.submissions === 0 ? 0 : totals.batchesSubmitted / totals.submissions
}

function windowOf(
  now: AckDurations | undefined,
  before: AckDurations | undefined,
): ClusterFigures['durations'] {
  const part = (key: keyof AckDurations) => {
    const counts: Record<string, number> = {}
    now?.[key].counts.forEach((count, bucket) => {
      const recent = count - (before?.[key].counts[bucket] ?? 0)
      if (recent > 0) counts[bucket] = recent
    })
    return counts
  }
  return { gateway: part('gateway'), upstream: part('upstream'), total: part('total') }
}

/** @param durations counts by bucket, of one node or summed over several */
export function latencyOf(durations: ClusterFigures['durations'] | undefined): LatencyStatus {
  return {
    gateway: percentilesOf(durations?.gateway),
    upstream: percentilesOf(durations?.upstream),
    total: percentilesOf(durations?.total),
  }
}

function percentilesOf(counts: Record<string, number> = {}): Percentiles {
  const list: number[] = []
  for (const [bucket, count] of Object.entries(counts)) list[Number(bucket)] = count
  const dense = Array.from(list, (count) => count ?? 0)
  return { p50: percentile(dense, 0.5), p95: percentile(dense, 0.95), p99: percentile(dense, 0.99) }
}
