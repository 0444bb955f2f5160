import { useState } from 'preact/hooks'
import { OTHER_TOPICS } from '#dashboard/contract-values.ts'
import { type Column, DataTable } from '#dashboard/data-table.tsx'
import { topicPasses } from '#dashboard/filter.ts'
import { whole } from '#dashboard/format.ts'
import { bytesColumn, rateColumn } from '#dashboard/rate-columns.tsx'
import { SearchBox } from '#dashboard/search-box.tsx'
import { asked, filter, type View } from '#dashboard/store.ts'
import type { TopicStatus } from '#status/contract.ts'

interface Row extends TopicStatus {
  name: string
}

const COLUMNS: Column<Row>[] = [
  { label: 'Topic', value: ({ name }) => name },
  {
    label: 'Cluster',
    value: ({ cluster }) => cluster ?? '',
    cell: (row) => row.cluster ?? <NoCluster name={row.name} />,
  },
  { label: 'Rule', value: ({ route }) => route, cell: ({ route }) => <code>{route}</code> },
  {
    label: 'Partitions',
    numeric: true,
    value: (row) => row.partitions,
    cell: (row) => whole(row.partitions),
  },
  rateColumn('Batches', 'batchesIn'),
  rateColumn('Records', 'recordsIn'),
  bytesColumn(),
  rateColumn('Acks', 'acks'),
  rateColumn('Errors', 'errors'),
]

function NoCluster({ name }: { name: string }) {
  return <span class="muted">{name === OTHER_TOPICS ? 'any' : 'no route'}</span>
}

const EMPTY =
  'No topic has been written to yet. Point bootstrap.servers of a producer at a listener of this gateway.'

/** The busiest topics, and those that were asked for by name. */
export function Topics({ view: { state } }: { view: View }) {
  const [search, setSearch] = useState('')
  const all = Object.entries(state.topics).map(([name, topic]): Row => ({ name, ...topic }))
  const rows = all.filter((row) => topicPasses(row.name, row, filter.value, search))
  const { topics } = asked.value
  const keep = (names: string[]) => {
    asked.value = { ...asked.value, topics: names }
  }
  return (
    <section class="panel" aria-labelledby="topics">
      <div class="panel-head">
        <h2 id="topics">Topics</h2>
        <p class="muted">{filter.value.node ? 'All nodes: topics are not counted by node.' : ''}</p>
        <SearchBox
          label="Search topics"
          value={search}
          onInput={setSearch}
          onAsk={(name) => keep([...topics, name])}
          known={search.trim() in state.topics}
          asked={topics}
          onForget={(name) => keep(topics.filter((other) => other !== name))}
        />
      </div>
      <DataTable
        caption="Topics"
        columns={COLUMNS}
        rows={rows}
        rowKey={({ name }) => name}
        order={{ column: 'Bytes', descending: true }}
        empty={all.length === 0 ? EMPTY : 'No topic here matches.'}
      />
    </section>
  )
}
