import { sleep } from 'k6'
import exec from 'k6/execution'
import { produceTo } from './lib/load.ts'
import { loadOptions } from './lib/options.ts'
import { target } from './lib/target.ts'
import { measureRecovery, order, underLoad } from './lib/trouble.ts'

/** Half of the producers write to each of two clusters. The second one is killed, and comes back. */
export { setup, teardown } from './lib/load.ts'
export { handleSummary } from './lib/summary.ts'

const DOWN_SECONDS = 10
const [alive, dying] = target.clusters

export const options = loadOptions({
  timed: {
    // The other cluster's producers notice nothing.
    [`sluice_ack_time{topic:${alive!.topic}}`]: ['p(95)<100', 'p(99)<1000'],
    // Counted from the return of the cluster.
    sluice_recovery_time: ['max<10000'],
  },
})

export function produce(): void {
  produceTo([target.clusters[exec.vu.idInTest % 2]!])
}

export function trouble(): void {
  underLoad(() => {
    order('kill-cluster/b')
    sleep(DOWN_SECONDS)
    order('start-cluster/b')
    measureRecovery('after-the-return', dying!.topic)
  })
}
