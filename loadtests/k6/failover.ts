import { sleep } from 'k6'
import { produceTo } from './lib/load.ts'
import { loadOptions } from './lib/options.ts'
import { target } from './lib/target.ts'
import { measureRecovery, order, underLoad } from './lib/trouble.ts'

/** One of three nodes is killed (SIGKILL, all its processes) under load, and comes back. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

export const options = loadOptions({
  timed: {
    // The load balancer's check and one reconnect of a client: both are over in a few seconds.
    sluice_ack_time: ['p(95)<100', 'max<10000'],
    sluice_recovery_time: ['max<10000'],
  },
})

export function produce(): void {
  produceTo(target.clusters)
}

export function trouble(): void {
  underLoad(() => {
    order('kill-node/gw-2')
    measureRecovery('after-the-kill', target.clusters[0]!.topic)
    sleep(5)
    order('start-node/gw-2')
  })
}
