import type { State } from '#status/contract.ts'

type Labels = Record<string, string>

/** The state as Prometheus text: plain counters rendered at scrape, so that counting costs an addition. */
export function metricsPage(state: State): string {
  const page = new Page()
  const node = state.nodes[state.node]!
  page.add('connections_active', 'gauge', 'Open client connections.', {}, node.connections)
  page.add('connections_total', 'counter', 'Client connections accepted.', {}, node.accepted)
  for (const [cause, count] of Object.entries(node.closed)) {
    page.add('disconnects_total', 'counter', 'Client connections ended, by cause.', { cause }, count)
  }
  page.add('in_flight_requests', 'gauge', 'Requests read and not answered.', {}, node.unanswered)
  page.add('request_bytes_total', 'counter', 'Bytes read from clients.', {}, node.bytesRead)
  page.add('response_bytes_total', 'counter', 'Bytes written to clients.', {}, node.bytesWritten)
  page.add('memory_reserved_bytes', 'gauge', 'Bytes of the admission ledger.', {}, node.reservedBytes)
  page.add('memory_budget_bytes', 'gauge', 'Bytes the admission ledger may hold.', {}, node.memoryBudget)
  for (const [error, count] of Object.entries(node.refusals)) {
    page.add(
      'refused_batches_total',
      'counter',
      'Batches refused at ingress, by error code.',
      { error },
      count,
    )
  }
  for (const [cause, count] of Object.entries(node.heldBack)) {
    page.add(
      'held_back_total',
      'counter',
      'Times that a limit made clients wait, by cause.',
      { cause },
      count,
    )
  }
  for (const [cluster, status] of Object.entries(state.clusters)) {
    const of = { cluster }
    const { totals } = status
    page.add(
      'upstream_up',
      'gauge',
      '1 while the cluster can be reached.',
      of,
      status.state === 'down' ? 0 : 1,
    )
    page.add('upstream_lanes', 'gauge', 'Produce connections to the cluster.', of, status.lanes)
    page.add('upstream_connects_total', 'counter', 'Connections opened to the cluster.', of, status.connects)
    page.add('batches_waiting', 'gauge', 'Batches accepted and not answered.', of, status.waiting)
    page.add('in_flight_bytes', 'gauge', 'Bytes of submissions under way.', of, status.inFlightBytes)
    page.add('batches_total', 'counter', 'Batches accepted.', of, totals.batchesIn)
    page.add('records_total', 'counter', 'Records in accepted batches.', of, totals.recordsIn)
    page.add('record_bytes_total', 'counter', 'Bytes of accepted batches.', of, totals.bytesIn)
    page.add('submissions_total', 'counter', 'Produce requests sent to the cluster.', of, totals.submissions)
    page.add('submitted_batches_total', 'counter', 'Batches in those requests.', of, totals.batchesSubmitted)
    page.add('acks_total', 'counter', 'Batches acknowledged by the cluster.', of, totals.acks)
    page.add('retries_total', 'counter', 'Batches sent again.', of, totals.retries)
    for (const [error, count] of Object.entries(status.errorCodes)) {
      page.add('errors_total', 'counter', 'Batches answered with an error.', { cluster, error }, count)
    }
  }
  return page.text()
}

class Page {
  readonly #families = new Map<string, string[]>()

  add(name: string, type: 'counter' | 'gauge', help: string, labels: Labels, value: number): void {
    const full = `sluice_${name}`
    let lines = this.#families.get(full)
    if (!lines) this.#families.set(full, (lines = [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`]))
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`)
    lines.push(`${full}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`)
  }

  text(): string {
    return [...this.#families.values()].map((lines) => `${lines.join('\n')}\n`).join('')
  }
}
