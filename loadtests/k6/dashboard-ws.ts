import exec from 'k6/execution'
import { produceTo } from './lib/load.ts'
import { loadOptions, STEADY } from './lib/options.ts'
import { nodeOf, watchFor } from './lib/stream.ts'
import { target } from './lib/target.ts'

/** Dashboards follow the live status of all nodes while producers produce. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

/** Then it comes again with a new ticket, as somebody who reloads the page. */
const WATCH_SECONDS = 8

export const options = loadOptions({
  beside: ({ sockets }, seconds) => ({
    watch: {
      executor: 'constant-vus',
      exec: 'watch',
      vus: sockets,
      duration: `${seconds}s`,
      gracefulStop: '20s',
    },
  }),
  thresholds: {
    // A page that misses a change shows something else than what is.
    stream_gaps: ['count==0'],
    // Nobody here reads slowly, so nobody is to be closed.
    stream_whole: ['rate==1'],
    stream_frames: ['count>0'],
  },
  timed: {
    // Producers are not to notice who watches.
    ...STEADY,
    // A page that opens is full within a second.
    stream_snapshot_time: ['p(95)<1000'],
  },
})

export function produce(): void {
  produceTo(target.clusters)
}

export function watch(): void {
  watchFor(WATCH_SECONDS, nodeOf(exec.vu.idInTest))
}
