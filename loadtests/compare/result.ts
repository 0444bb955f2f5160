import type { Counters } from './brokers.ts'
import type { Quantiles } from './histogram.ts'
import type { Load } from './plan.ts'
import type { Whole } from './processes.ts'

/** What one run of the generator saw. Batches count when they were due inside the measured window. */
export interface Result {
  seconds: number
  /** Between the two readings of CPU time, which a starved generator takes late. */
  windowSeconds: number
  kind: Load['kind']
  setUpSeconds: number
  /** Batches. */
  sent: number
  acked: number
  /** Warm-up included. */
  allSent: number
  allAcked: number
  /** After the drain. */
  unanswered: number
  /** By error code or reason. */
  errors: Record<string, number>
  /** Connections that ended by themselves. */
  lost: number
  /** From when a batch was due to its ack. */
  latency: Quantiles
  /** From when it was sent. */
  service: Quantiles
  /** From when it was due until it was sent: the generator's own fault, unless its slots were full. */
  lateness: Quantiles
  usage: Record<'atStart' | 'before' | 'after', Record<string, Whole>>
  connections: { produce: number; others: number }
  counters: { before: Counters; after: Counters }
}
