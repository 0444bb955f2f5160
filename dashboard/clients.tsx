import { useState } from 'preact/hooks'
import { type Column, DataTable } from '#dashboard/data-table.tsx'
import { clientPasses } from '#dashboard/filter.ts'
import { whole } from '#dashboard/format.ts'
import { bytesColumn, rateColumn } from '#dashboard/rate-columns.tsx'
import { SearchBox } from '#dashboard/search-box.tsx'
import { asked, filter, type View } from '#dashboard/store.ts'
import type { ClientStatus } from '#status/contract.ts'

const software = ({ softwareName, softwareVersion }: ClientStatus) =>
  `${softwareName} ${softwareVersion}`.trim()

const COLUMNS: Column<ClientStatus>[] = [
  { label: 'Client', value: ({ id }) => id, cell: ({ id }) => id || <Unknown text="no client.id" /> },
  { label: 'Address', value: ({ address }) => address },
  { label: 'Software', value: software, cell: (client) => software(client) || <Unknown text="not told" /> },
  { label: 'Nodes', value: ({ nodes }) => nodes.join(', ') },
  {
    label: 'Connections',
    numeric: true,
    value: (row) => row.connections,
    cell: (row) => whole(row.connections),
  },
  rateColumn('Batches', 'batchesIn'),
  rateColumn('Records', 'recordsIn'),
  bytesColumn(),
  rateColumn('Errors', 'errors'),
]

function Unknown({ text }: { text: string }) {
  return <span class="muted">{text}</span>
}

/** The busiest clients, and those that were asked for by `client.id`. */
export function Clients({ view: { state } }: { view: View }) {
  const [search, setSearch] = useState('')
  const rows = state.clients.filter((client) => clientPasses(client, filter.value, search))
  const { clients } = asked.value
  const keep = (names: string[]) => {
    asked.value = { ...asked.value, clients: names }
  }
  return (
    <section class="panel" aria-labelledby="clients">
      <div class="panel-head">
        <h2 id="clients">Clients</h2>
        <p class="muted">{filter.value.cluster ? 'All clusters: clients are not counted by cluster.' : ''}</p>
        <SearchBox
          label="Search clients"
          value={search}
          onInput={setSearch}
          onAsk={(name) => keep([...clients, name])}
          known={state.clients.some(({ id }) => id === search.trim())}
          asked={clients}
          onForget={(name) => keep(clients.filter((other) => other !== name))}
        />
      </div>
      <DataTable
        caption="Clients"
        columns={COLUMNS}
        rows={rows}
        rowKey={(client) => [client.id, client.address, software(client)].join('\n')}
        order={{ column: 'Bytes', descending: true }}
        empty={state.clients.length === 0 ? 'No client is connected.' : 'No client here matches.'}
      />
    </section>
  )
}
