import { produceTo } from './lib/load.ts'
import { loadOptions } from './lib/options.ts'
import { target } from './lib/target.ts'
import { order, underLoad } from './lib/trouble.ts'

/** Three new nodes join three old ones, infra/operations/blue-green.sh drains the old ones, and they are stopped. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

export const options = loadOptions({
  // As in a rolling restart, only that whoever reconnects finds more nodes.
  timed: { sluice_ack_time: ['p(95)<100', 'p(99)<2000'] },
})

export function produce(): void {
  produceTo(target.clusters)
}

export function trouble(): void {
  underLoad(() => {
    order('blue-green')
  })
}
