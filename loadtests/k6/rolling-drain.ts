import { produceTo } from './lib/load.ts'
import { loadOptions } from './lib/options.ts'
import { target } from './lib/target.ts'
import { order, underLoad } from './lib/trouble.ts'

/** All three nodes are restarted, one after the other: SIGTERM, end of the drain, new process. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

export const options = loadOptions({
  // A drained connection ends between two requests: a client waits for a new one, and for no timeout.
  timed: { sluice_ack_time: ['p(95)<100', 'p(99)<2000'] },
})

export function produce(): void {
  produceTo(target.clusters)
}

export function trouble(): void {
  underLoad(() => {
    for (const node of ['gw-1', 'gw-2', 'gw-3']) order(`replace-node/${node}`)
  })
}
