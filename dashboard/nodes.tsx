import { type Column, DataTable } from '#dashboard/data-table.tsx'
import { chosenOf } from '#dashboard/filter.ts'
import { bytes, cores, join, shortHash, span, whole } from '#dashboard/format.ts'
import { NODE_SHAPES, StateMark } from '#dashboard/icons.tsx'
import { nodeNames } from '#dashboard/lines.ts'
import { filter, now, type View } from '#dashboard/store.ts'
import { nodeWords } from '#dashboard/words.ts'
import type { NodeStatus } from '#status/contract.ts'

interface Row extends NodeStatus {
  id: string
}

const COLUMNS: Column<Row>[] = [
  { label: 'Node', value: ({ id }) => id },
  {
    label: 'State',
    value: ({ state }) => state,
    cell: (row) => <StateMark shape={NODE_SHAPES[row.state]} text={nodeWords(row, now.value).text} />,
  },
  { label: 'Zone', value: ({ zone }) => zone, cell: ({ zone }) => zone || '–' },
  { label: 'Version', value: ({ version }) => version },
  {
    label: 'Uptime',
    numeric: true,
    value: ({ startedAt }) => -startedAt,
    cell: (row) => (row.state === 'gone' ? '–' : span(now.value - row.startedAt)),
  },
  countColumn('Workers', 'workers'),
  countColumn('Connections', 'connections'),
  {
    label: 'In flight',
    numeric: true,
    value: ({ inFlightBytes }) => inFlightBytes,
    cell: (row) => join(bytes(row.inFlightBytes)),
  },
  { label: 'CPU', numeric: true, value: ({ cpu }) => cpu, cell: ({ cpu }) => join(cores(cpu)) },
  {
    label: 'Memory',
    numeric: true,
    value: ({ residentBytes }) => residentBytes,
    cell: (row) => join(bytes(row.residentBytes)),
  },
  {
    label: 'Refused',
    numeric: true,
    value: refused,
    cell: (row) => `${whole(refused(row))} batches`,
  },
  {
    label: 'Config',
    value: ({ configHash }) => configHash,
    cell: ({ configHash, reload }) => <Config hash={configHash} failed={reload?.ok === false} />,
  },
]

function countColumn(label: string, figure: 'workers' | 'connections'): Column<Row> {
  return { label, numeric: true, value: (row) => row[figure], cell: (row) => whole(row[figure]) }
}

function refused({ refusals }: NodeStatus): number {
  return Object.values(refusals).reduce((sum, count) => sum + count, 0)
}

function Config({ hash, failed }: { hash: string; failed: boolean }) {
  return (
    <>
      <code>{shortHash(hash)}</code> {failed && <StateMark shape="warning" text="last reload failed" />}
    </>
  )
}

export function Nodes({ view }: { view: View }) {
  const rows = chosenOf(nodeNames(view), filter.value.node).map(
    (id): Row => ({ id, ...view.state.nodes[id]! }),
  )
  return (
    <section class="panel" aria-labelledby="nodes">
      <div class="panel-head">
        <h2 id="nodes">Nodes</h2>
      </div>
      <DataTable
        caption="Nodes"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ id }) => id}
        rowClass={(row) => (nodeWords(row, now.value).old ? 'old' : '')}
        order={{ column: 'Node', descending: false }}
        empty="No node here matches."
      />
    </section>
  )
}
