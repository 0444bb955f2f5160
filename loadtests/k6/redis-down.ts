import { sleep } from 'k6'
import { produceTo } from './lib/load.ts'
import { loadOptions, STEADY } from './lib/options.ts'
import { target } from './lib/target.ts'
import { order, underLoad } from './lib/trouble.ts'

/** Redis is killed under load and comes back empty. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

/** Longer than a lease, so that nodes lose sight of each other. */
const DOWN_SECONDS = 8

// No batch waits for Redis: times are those of a steady run.
export const options = loadOptions({ timed: STEADY })

export function produce(): void {
  produceTo(target.clusters)
}

export function trouble(): void {
  underLoad(() => {
    order('kill-redis')
    sleep(DOWN_SECONDS)
    order('start-redis')
  })
}
