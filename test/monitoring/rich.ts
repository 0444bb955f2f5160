import { CLOSE_REASONS } from '#gateway/close-reasons.ts'
import { PAUSE_REASONS } from '#gateway/pauses.ts'
import type { State } from '#status/contract.ts'
import { METRICS } from '#status/metrics.ts'
import { metricsPage } from '#status/metrics-page.ts'
import { reportOf } from '#status/node-report.ts'
import { OtherNodes } from '#status/other-nodes.ts'
import type { WorkerSample } from '#status/samples.ts'
import { clusterSample, nodeSources, stateOf, workerSample } from '#test/status/samples.ts'

/** A node of a fleet that has seen everything that can be counted: no field is empty, no family without a line. */

const once = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, 1]))

export const DISCONNECTS = Object.keys(CLOSE_REASONS)
export const HOLDS = [...Object.keys(PAUSE_REASONS), 'unknown_topic']

const CLIENT = {
  id: 'shop',
  address: '192.0.2.7',
  softwareName: 'librdkafka',
  softwareVersion: '2.11.0',
  connections: 3,
  rates: { batchesIn: 4, recordsIn: 4, bytesIn: 400, errors: 1 },
}

const sample: WorkerSample = workerSample({
  closed: once(CLOSE_REASONS),
  heldBack: { ...once(PAUSE_REASONS), unknown_topic: 1 },
  clusters: { eu: clusterSample({ errorCodes: { 7: 3, 19: 4 } }) },
  clients: [CLIENT],
})
const { totals } = clusterSample()
const noTotals = { ...totals, batchesIn: 0, recordsIn: 0, bytesIn: 0, submissions: 0, acks: 0, errors: 0 }
const before = workerSample({ clusters: { eu: clusterSample({ errorCodes: {}, totals: noTotals }) } })

export function richState(): State {
  const node = nodeSources([before, sample], { reload: { at: 1, ok: false, text: ['routes: unknown key'] } })
  const others = new OtherNodes()
  others.update([{ id: 'gw-2', state: 'serving', sample: reportOf(node) }], 1000)
  return stateOf(node, { others, fleet: { mode: 'redis', redis: 'down', reason: 'refused', since: 1 } })
}

export function richPage(): string {
  const stream = { clients: 3, bufferedBytes: 12, framesSkipped: 1, closes: { 1013: 2 } }
  return metricsPage({ state: richState(), sample, stream })
}

/** Of each family, with `le` where it is a histogram. */
export function labelsOf(page: string): Map<string, Set<string>> {
  const labels = new Map(METRICS.map(({ name }) => [`sluice_${name}`, new Set<string>()]))
  for (const [, name, list = ''] of page.matchAll(/^(sluice_\w+)(?:\{(.*)\})? \S+$/gm)) {
    for (const [, label] of list.matchAll(/(\w+)="/g)) labels.get(familyOf(name!)!)!.add(label!)
  }
  return labels
}

/** @returns undefined when there is no such metric; else the name of its family */
export function familyOf(series: string): string | undefined {
  for (const { name, type } of METRICS) {
    const family = `sluice_${name}`
    const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => family + part) : [family]
    if (names.includes(series)) return family
  }
}
