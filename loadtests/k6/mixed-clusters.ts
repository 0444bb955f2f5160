import { produceTo } from './lib/load.ts'
import { loadOptions, STEADY } from './lib/options.ts'
import { target } from './lib/target.ts'

/** Every producer writes to topics of two clusters at once, by one address. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

export const options = loadOptions({ timed: STEADY })

export function produce(): void {
  produceTo(target.clusters)
}
