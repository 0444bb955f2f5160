import { produceTo } from './lib/load.ts'
import { loadOptions, STEADY } from './lib/options.ts'
import { target } from './lib/target.ts'

/** Producers of a few small records a second each, all through one address, on one cluster. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

export const options = loadOptions({ timed: STEADY })

export function produce(): void {
  produceTo(target.clusters)
}
