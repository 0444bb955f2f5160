import type { Plan } from './plan.ts'
import type { Whole } from './processes.ts'
import type { Result } from './result.ts'

const MB = 1e6
const KIB = 1024

/** One run's figures by the names that tables give them. What does not apply is null. */
export function figuresOf(result: Result, plan: Plan): Record<string, number | null> {
  const { acked, allAcked, allSent, seconds, latency, service, lateness } = result
  const records = acked * plan.batch.records
  const megabytes = (records * plan.batch.recordBytes) / MB
  const cpu = cpuOf(result)
  const sum = (cpu.gateway ?? 0) + cpu.brokers!
  return {
    'acked/s': acked / seconds,
    'MB/s': megabytes / seconds,
    'p50 ms': latency.p50,
    'p95 ms': latency.p95,
    'p99 ms': latency.p99,
    'max ms': latency.max,
    'p50 ms from sending': service.p50,
    'p99 ms from sending': service.p99,
    'late p50 ms': lateness.p50,
    'late p99 ms': lateness.p99,
    'gateway µs/record': micros(cpu.gateway, records),
    'control µs/record': micros(cpu.control, records),
    'workers µs/record': micros(cpu.workers, records),
    'broker µs/record': micros(cpu.brokers, records),
    'gateway + broker µs/record': micros(sum, records),
    'generator µs/record': micros(cpu.generator, records),
    'gateway µs/MB': micros(cpu.gateway, megabytes),
    'broker µs/MB': micros(cpu.brokers, megabytes),
    'gateway cores': share(cpu.gateway, seconds),
    'broker cores': share(cpu.brokers, seconds),
    'generator cores': share(cpu.generator, seconds),
    'acked per broker core-second': share(acked, cpu.brokers!),
    ...packingOf(result, plan),
    ...memoryOf(result, plan),
    'set up s': result.setUpSeconds,
    'window s': result.windowSeconds,
    unacked: allSent - allAcked,
  }
}

/** CPU seconds in the measured window. */
function cpuOf({ usage: { before, after } }: Result): Record<string, number | null> {
  const spent = (name: string, part: keyof Whole): number | null => {
    const [then, now] = [before[name], after[name]]
    return then && now ? now[part].cpu - then[part].cpu : null
  }
  const both = (name: string): number | null => {
    const [root, below] = [spent(name, 'root'), spent(name, 'below')]
    return root === null ? null : root + below!
  }
  const control = spent('gateway', 'root')
  const workers = spent('gateway', 'below')
  return {
    gateway: both('gateway'),
    control,
    workers,
    brokers: both('brokers'),
    generator: both('generator'),
  }
}

/**
 * What the brokers counted, from before the warm-up until the last ack: reading it within the window would
 * cost them CPU. Requests per second of the window follow from its batches.
 */
function packingOf({ acked, seconds, counters, connections, allSent }: Result, { batch }: Plan): Figures {
  const { before, after } = counters
  const requests = after.produce - before.produce
  const batches = (after.records - before.records) / batch.records
  const perSubmission = share(batches, requests)
  return {
    'batches/submission': perSubmission,
    'Produce/s': perSubmission === null ? 0 : acked / seconds / perSubmission,
    'Produce connections': connections.produce,
    'other connections': connections.others,
    'broker connections/s': ((after.connections - before.connections) / (allSent || 1)) * (acked / seconds),
    'broker Produce in all': requests,
    'broker batches in all': batches,
    'sent in all': allSent,
  }
}

function memoryOf({ usage: { atStart, after } }: Result, { producers }: Plan): Figures {
  const resident = (whole: Whole | undefined): number | null =>
    whole ? whole.root.resident + whole.below.resident : null
  const [before, now] = [resident(atStart.gateway), resident(after.gateway)]
  const grown = before === null || now === null ? null : (now - before) / KIB
  return {
    'gateway RSS MB before': share(before, MB),
    'gateway RSS MB': share(now, MB),
    'KiB/connection': share(grown, producers),
    'broker RSS MB': share(resident(after.brokers), MB),
  }
}

type Figures = Record<string, number | null>

function micros(seconds: number | null | undefined, per: number): number | null {
  return share(seconds === undefined ? null : seconds, per / 1e6)
}

function share(value: number | null | undefined, of: number): number | null {
  return value === null || value === undefined || of === 0 ? null : value / of
}
