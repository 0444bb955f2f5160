import type { Options, Scenario } from 'k6/options'
import { PROFILES, type Profile } from './profiles.ts'
import { target } from './target.ts'

type Thresholds = Record<string, string[]>

export interface LoadOptions {
  /** Further executors beside the producers. @param seconds that the producers take */
  beside?: (profile: Profile, seconds: number) => Record<string, Scenario>
  /** Beside those of every run. Not of a baseline, where nothing happens. */
  thresholds?: Thresholds
  /** The same, on times: not in profile smoke. */
  timed?: Thresholds
}

/** Over the whole run; what is counted is records. */
const ALWAYS: Thresholds = {
  // The logs were read, so the zeros below mean something.
  sluice_verifications: ['count==1'],
  sluice_acknowledged: ['count>0'],
  // An ack is a promise that the record is stored.
  sluice_lost: ['count==0'],
  // Producers are idempotent: a record sent again is stored once, through whichever node.
  sluice_duplicated: ['count==0'],
  // Kafka keeps the order of one producer in one partition, and so must what stands before it.
  sluice_out_of_order: ['count==0'],
  // The ack names the offset, and a topic belongs to one cluster.
  sluice_misplaced: ['count==0'],
  // Batches travel unopened.
  sluice_changed: ['count==0'],
  sluice_unknown: ['count==0'],
  // Clients try again by themselves for 120 s, and no trouble lasts that long: no application sees an error.
  sluice_errors: ['count==0'],
}

/** Where nothing is wrong. Times in ms. */
export const STEADY: Thresholds = {
  // Somebody who waits for a page does not notice 100 ms; beyond a second they think about what went wrong.
  sluice_ack_time: ['p(95)<100', 'p(99)<1000'],
}

const profile = PROFILES[target.profile]

export function loadOptions(wanted: LoadOptions = {}): Options {
  const { rise, hold, fall, producers, timed } = profile
  return {
    scenarios: {
      load: {
        executor: 'per-vu-iterations',
        exec: 'produce',
        // One iteration is the whole life of a producer: lib/load.ts.
        vus: producers,
        iterations: 1,
        maxDuration: '6h',
      },
      ...(target.direct ? {} : wanted.beside?.(profile, rise + hold + fall)),
      ...(target.trouble && { trouble: troubleAt(rise + SETTLED) }),
    },
    thresholds: {
      ...ALWAYS,
      // What was ordered of the local stage was done.
      ...(target.trouble && { checks: ['rate==1'] }),
      ...(target.direct ? {} : wanted.thresholds),
      ...(timed && !target.direct ? wanted.timed : {}),
    },
    setupTimeout: '2m',
    teardownTimeout: '15m',
    summaryTrendStats: ['min', 'avg', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  }
}

/** Seconds from the end of the rise until the load stands. */
const SETTLED = 3

function troubleAt(second: number): Scenario {
  return {
    executor: 'per-vu-iterations',
    exec: 'trouble',
    vus: 1,
    iterations: 1,
    startTime: `${second}s`,
    maxDuration: '1h',
  }
}
