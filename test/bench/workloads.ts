import type { Load } from '#loadtests/compare/plan.ts'

/** One command of `npm run bench`: what is sent, to what, and what of it is shown. */
export interface Workload {
  nodes: 1 | 3
  topics: number
  /** Of each topic. */
  partitions: number
  /** By what the table calls them. */
  cases: Record<string, Shape>
  variants: string[]
  /** Figures that the table shows, of all that are kept (`loadtests/compare/figures.ts`). */
  columns: string[]
  /** A figure of each run over that of another variant in the same pair. */
  ratios: { figure: string; to: string }[]
  /** Measured, per run. */
  seconds: number
  /** Every run gets proxies that were just started. */
  freshProxies?: boolean
}

export interface Shape {
  producers: number
  load: Load
  inFlight: number
  batch: { records: number; recordBytes: number }
}

const SMALL = { records: 1, recordBytes: 150 }
/** 64 records of 1 KB: as near to 64 KiB as whole records come. */
const LARGE = { records: 64, recordBytes: 1000 }

const PEERS = ['direct', 'haproxy', 'kroxylicious']
const SLUICES = ['sluice auto', 'sluice 0ms', 'sluice auto 2 workers', 'sluice 0ms 2 workers']
const ALL = [...PEERS, ...SLUICES]

const CPU = ['gateway µs/record', 'broker µs/record', 'gateway + broker µs/record']
const PACKING = ['batches/submission', 'Produce/s', 'Produce connections', 'other connections']
const TIMES = ['p50 ms', 'p99 ms']
const AGAINST_DIRECT = ['p50 ms', 'p99 ms', 'gateway + broker µs/record']
const ratiosTo = (to: string, ...figures: string[]): Workload['ratios'] =>
  figures.map((figure) => ({ figure, to }))

const FAN_IN: Omit<Workload, 'cases'> = {
  nodes: 1,
  topics: 12,
  partitions: 4,
  variants: ALL,
  columns: [...TIMES, ...CPU, ...PACKING, 'gateway RSS MB', 'unacked'],
  ratios: [...ratiosTo('direct', ...AGAINST_DIRECT), ...ratiosTo('haproxy', 'gateway µs/record')],
  seconds: 12,
}

/** As fast as acks allow, to its topics in turn. */
const ONE_PRODUCER: Omit<Workload, 'topics'> = {
  ...FAN_IN,
  partitions: 1,
  cases: {
    'W4: one producer, 5 in flight, 64 KiB': {
      producers: 1,
      load: { kind: 'closed' },
      inFlight: 5,
      batch: LARGE,
    },
  },
  columns: ['MB/s', ...TIMES, 'gateway µs/MB', 'broker µs/MB', 'batches/submission', 'unacked'],
  ratios: [...ratiosTo('direct', 'MB/s'), ...ratiosTo('haproxy', 'gateway µs/MB')],
  seconds: 6,
}

function small(producers: number, load: Load, inFlight = 5): Shape {
  return { producers, load, inFlight, batch: SMALL }
}

export const WORKLOADS: Record<string, Workload> = {
  w1: { ...FAN_IN, cases: { 'W1: 1,000 × 5/s, RF 1': small(1000, { kind: 'open', perSecond: 5 }) } },
  'w1-rf3': {
    ...FAN_IN,
    nodes: 3,
    cases: { 'W1: 1,000 × 2/s, RF 3': small(1000, { kind: 'open', perSecond: 2 }) },
  },
  w2: { ...FAN_IN, cases: { 'W2: 5,000 × 1/s, RF 1': small(5000, { kind: 'open', perSecond: 1 }) } },
  w3: {
    ...FAN_IN,
    topics: 10,
    partitions: 1,
    cases: {
      'W3: 30 MB/s in batches of 64 KiB': {
        producers: 10,
        load: { kind: 'open', perSecond: 30e6 / (LARGE.records * LARGE.recordBytes) / 10, even: true },
        inFlight: 5,
        batch: LARGE,
      },
    },
    columns: [...TIMES, 'MB/s', 'gateway µs/MB', 'broker µs/record', ...PACKING, 'gateway RSS MB', 'unacked'],
    ratios: [...ratiosTo('direct', 'p50 ms', 'p99 ms'), ...ratiosTo('haproxy', 'gateway µs/MB')],
  },
  w4: { ...ONE_PRODUCER, topics: 10 },
  'w4-hot': { ...ONE_PRODUCER, topics: 1 },
  stream: {
    ...FAN_IN,
    variants: ['sluice auto', 'sluice auto 200 pages'],
    cases: { '1,000 × 5/s, RF 1': small(1000, { kind: 'open', perSecond: 5 }) },
    columns: [...TIMES, ...CPU, 'control µs/record', 'frames', 'frames missed', 'pages closed', 'unacked'],
    ratios: ratiosTo('sluice auto', 'p50 ms', 'p99 ms', 'gateway µs/record'),
  },
  closed: {
    ...FAN_IN,
    variants: ['sluice 0ms', 'sluice auto', 'direct'],
    cases: {
      'one producer, 1 in flight': small(1, { kind: 'closed' }, 1),
      'one producer, 5 in flight': small(1, { kind: 'closed' }, 5),
    },
    columns: ['acked/s', ...TIMES, 'batches/submission', 'unacked'],
    ratios: ratiosTo('sluice 0ms', 'acked/s'),
    seconds: 6,
  },
  w5: {
    ...FAN_IN,
    variants: ALL.filter((name) => !name.includes('0ms')),
    cases: { 'W5: 5,000 idle connections': small(5000, { kind: 'idle' }) },
    columns: ['gateway RSS MB before', 'gateway RSS MB', 'KiB/connection', 'gateway cores', 'set up s'],
    ratios: [],
    seconds: 5,
    freshProxies: true,
  },
  w7: {
    ...FAN_IN,
    topics: 1,
    partitions: 1,
    cases: {
      'W7: 200 × 20/s on one partition': small(200, { kind: 'open', perSecond: 20 }),
      'W7: 200 producers, 1 in flight each': small(200, { kind: 'closed' }, 1),
    },
    columns: ['acked/s', ...TIMES, ...CPU, ...PACKING, 'unacked'],
    ratios: ratiosTo('direct', 'acked/s', 'p50 ms', 'gateway + broker µs/record'),
  },
  w8: {
    ...FAN_IN,
    cases: { 'W8: 2,000 connections/s, one batch each': small(0, { kind: 'connects', perSecond: 2000 }, 1) },
    columns: ['acked/s', ...TIMES, ...CPU, 'batches/submission', 'broker connections/s', 'unacked'],
    ratios: [
      ...ratiosTo('direct', 'p50 ms', 'gateway + broker µs/record'),
      ...ratiosTo('haproxy', 'gateway µs/record'),
    ],
  },
  'break-even': {
    ...FAN_IN,
    variants: ['direct', 'sluice auto'],
    cases: Object.fromEntries(
      [1000, 2500, 5000, 10_000, 20_000].map((perSecond) => {
        const shape = small(1000, { kind: 'open', perSecond: perSecond / 1000 })
        return [`1,000 producers, ${perSecond.toLocaleString('en')}/s in all`, shape]
      }),
    ),
    columns: [...TIMES, ...CPU, 'batches/submission', 'unacked'],
    ratios: ratiosTo('direct', 'broker µs/record', 'gateway + broker µs/record'),
    seconds: 6,
  },
  capacity: {
    ...FAN_IN,
    variants: ['direct', 'sluice auto', 'sluice 0ms', 'sluice auto 2 workers'],
    cases: { '200 producers, 5 in flight each': small(200, { kind: 'closed' }) },
    columns: [
      'acked/s',
      'acked per broker core-second',
      'broker cores',
      'gateway cores',
      'generator cores',
      'batches/submission',
      ...TIMES,
      'unacked',
    ],
    ratios: ratiosTo('direct', 'acked/s', 'acked per broker core-second'),
    seconds: 8,
  },
}
