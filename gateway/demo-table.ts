import type { Crowd } from '#gateway/demo-crowd.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'
import type { State, Totals } from '#status/contract.ts'

const COLUMNS = [
  'cluster',
  'state',
  'producers',
  'batches/s',
  'requests/s',
  'packed',
  'p50 ms',
  'p99 ms',
  'clients',
  'upstream',
]
const WIDTHS = [8, 9, 10, 10, 11, 7, 7, 7, 8, 9]

let last: { ts: number; totals: Record<string, Totals> } | null = null

/** One line per cluster: what goes in, what comes out, and what it costs in time and connections. */
export function renderTable(state: State, crowd: Crowd, sandboxes: readonly Sandbox[]): string[] {
  const lines = [row(COLUMNS)]
  const seconds = last ? (state.ts - last.ts) / 1000 : 0
  for (const sandbox of sandboxes) {
    const cluster = state.clusters[sandbox.name]!
    const before = last?.totals[sandbox.name]
    const perSecond = (key: 'batchesIn' | 'submissions') =>
      before && seconds > 0 ? Math.round((cluster.totals[key] - before[key]) / seconds) : 0
    const batches = perSecond('batchesIn')
    const submissions = perSecond('submissions')
    const times = crowd.takeTimes(sandbox.name)
    const producers = crowd.ofCluster(sandbox.name)
    lines.push(
      row([
        sandbox.name,
        cluster.state,
        producers.length,
        batches,
        submissions,
        submissions > 0 ? (batches / submissions).toFixed(1) : '-',
        percentile(times, 0.5),
        percentile(times, 0.99),
        producers.length,
        sandbox.brokers.reduce((sum, { connections }) => sum + connections, 0),
      ]),
    )
  }
  const { connections, reservedBytes, workers } = state.nodes[state.node]!
  lines.push(
    `gateway: ${workers} workers, ${connections} client connections, ${Math.round(reservedBytes / 1024)} KiB reserved`,
  )
  last = {
    ts: state.ts,
    totals: Object.fromEntries(Object.entries(state.clusters).map(([name, { totals }]) => [name, totals])),
  }
  return lines
}

function percentile(sorted: readonly number[], share: number): string {
  return sorted.length === 0 ? '-' : sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1)
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => String(cell)[i < 2 ? 'padEnd' : 'padStart'](WIDTHS[i]!)).join(' ')
}
