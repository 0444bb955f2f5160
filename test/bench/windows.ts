import { createInterface } from 'node:readline'
import { type Group, type Load, measure } from '#test/bench/engine-load.ts'

/**
 * The child of `npm run bench -- windows`: says what there is to measure, then answers each request
 * (a line of JSON) with a line of numbers. Simulated time, so the machine's own speed does not matter.
 */

/** Measured medians: peer-measurements.md §4. */
const BROKERS = { RF1: { roundTripMs: 0.3, perBatchMs: 0.01 }, RF3: { roundTripMs: 1.4, perBatchMs: 0.01 } }
const LINGERS: Record<string, 'auto' | number> = { '0ms': 0, auto: 'auto', '1ms': 1, '2ms': 2, '5ms': 5 }
const LANES = 8

interface Case {
  load: Load
  broker: keyof typeof BROKERS
}

const cases = new Map<string, Case>()

function add(what: string, partitions: number, groups: Group[], broker: keyof typeof BROKERS = 'RF1'): void {
  const where = `${partitions} partition${partitions === 1 ? '' : 's'}${broker === 'RF1' ? '' : `, ${broker}`}`
  cases.set(`${what}; ${where}`, { load: { partitions, groups }, broker })
}

const small = (producers: number): Group => ({ producers, pace: { perSecond: 5 } })
const closed = (producers: number, inFlight: number): Group => ({ producers, pace: { inFlight } })

for (const producers of [100, 1000, 4000]) {
  for (const partitions of [1, 12, 48]) add(`${producers} × 5/s`, partitions, [small(producers)])
}
add('1000 × 5/s', 48, [small(1000)], 'RF3')
add('10 × 500/s', 48, [{ producers: 10, pace: { perSecond: 500 } }])
for (const inFlight of [1, 5]) {
  for (const producers of [1, 20, 200]) {
    for (const partitions of [1, 48]) {
      add(`${producers}, ${inFlight} in flight each`, partitions, [closed(producers, inFlight)])
    }
  }
}
add('200, 1 in flight each', 1, [closed(200, 1)], 'RF3')
add('1, 1 in flight, beside 1000 × 5/s', 48, [small(1000), closed(1, 1)])
add('500 × 5/s on 2 of them, beside 500 × 5/s', 48, [small(500), { ...small(500), partitions: 2 }])

function answer(line: string): void {
  const { what, variant, repeat } = JSON.parse(line) as { what: string; variant: string; repeat: number }
  const { load, broker } = cases.get(what)!
  const linger = LINGERS[variant]!
  const settings = {
    window: { linger, maxBytes: 1024 * 1024, maxPartitions: 256 },
    lanes: LANES,
    inFlightBytes: 64 * 1024 * 1024,
    submissionsPerSecond: 0,
  }
  const seen = measure(load, settings, BROKERS[broker], repeat)
  console.log(
    JSON.stringify({
      'batches/submission': seen.batchesPerSubmission,
      'wait p50 ms': seen.waitP50,
      'wait p99 ms': seen.waitP99,
      'submissions/s': seen.submissions,
      'acks/s': seen.acks,
      lanes: seen.lanes,
    }),
  )
}

console.log(
  JSON.stringify({
    cases: [...cases.keys()],
    variants: Object.keys(LINGERS),
    ratios: [{ figure: 'acks/s', to: '0ms' }],
  }),
)
createInterface(process.stdin).on('line', answer)
