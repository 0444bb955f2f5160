import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { whole } from '#dashboard/format.ts'
import { ScrollBox } from '#dashboard/scroll-box.tsx'
import { nextOrder, type Order, sorted } from '#dashboard/sort.ts'

export interface Column<Row> {
  label: string
  /** What rows are ordered by; a number makes a column of figures. */
  value: (row: Row) => string | number
  /** What is shown, where that is not the value. */
  cell?: (row: Row) => ComponentChildren
  numeric?: boolean
}

interface DataTableProps<Row> {
  caption: string
  columns: Column<Row>[]
  rows: Row[]
  rowKey: (row: Row) => string
  rowClass?: (row: Row) => string
  order: Order
  /** What to say where there is no row. */
  empty: string
}

/** So many rows are shown until all are asked for. */
const FIRST_ROWS = 15

/** A table that is ordered by its headings. The first column names the row. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { caption, columns, rows, rowKey, rowClass, empty } = props
  const [order, setOrder] = useState(props.order)
  const [all, setAll] = useState(false)
  const by = columns.find(({ label }) => label === order.column)!
  const ordered = sorted(rows, by.value, order.descending)
  const shown = all ? ordered : ordered.slice(0, FIRST_ROWS)
  return (
    <>
      <ScrollBox label={caption}>
        <table class="data">
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column, i) => (
                <Heading
                  key={column.label}
                  column={column}
                  isFirst={i === 0}
                  order={order}
                  onOrder={setOrder}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={rowKey(row)} class={rowClass?.(row)}>
                {columns.map((column, i) => (
                  <Cell key={column.label} column={column} row={row} isName={i === 0} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {rows.length === 0 && <p class="empty muted">{empty}</p>}
      {rows.length > FIRST_ROWS && (
        <p class="more">
          <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? `Show the first ${FIRST_ROWS}` : `Show all ${whole(rows.length)}`}
          </button>
        </p>
      )}
    </>
  )
}

interface HeadingProps<Row> {
  column: Column<Row>
  isFirst: boolean
  order: Order
  onOrder: (order: Order) => void
}

function Heading<Row>({ column, isFirst, order, onOrder }: HeadingProps<Row>) {
  const { label, numeric = false } = column
  const isOrder = order.column === label
  const direction = order.descending ? 'descending' : 'ascending'
  return (
    <th
      scope="col"
      class={numeric ? 'number' : isFirst ? 'first' : ''}
      aria-sort={isOrder ? direction : undefined}
    >
      <button type="button" class="sort" onClick={() => onOrder(nextOrder(order, label, numeric))}>
        {label}
        <span class="arrow" aria-hidden="true">
          {isOrder ? (order.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </th>
  )
}

function Cell<Row>({ column, row, isName }: { column: Column<Row>; row: Row; isName: boolean }) {
  const content = column.cell ? column.cell(row) : column.value(row)
  if (isName)
    return (
      <th scope="row" class="first">
        {content}
      </th>
    )
  return <td class={column.numeric ? 'number' : ''}>{content}</td>
}
