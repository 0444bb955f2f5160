export interface Order {
  column: string
  descending: boolean
}

/** Names from a to z, `gw-2` before `gw-10`; figures by size; equal rows stay as they were. */
export function sorted<Row>(
  rows: readonly Row[],
  by: (row: Row) => string | number,
  descending: boolean,
): Row[] {
  const sign = descending ? -1 : 1
  return rows
    .map((row) => ({ row, value: by(row) }))
    .sort((a, b) => sign * compare(a.value, b.value))
    .map(({ row }) => row)
}

const collator = new Intl.Collator('en', { numeric: true })

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(`${a}`, `${b}`)
}

/** Another column begins with its own direction: figures with the largest, names with a. */
export function nextOrder(current: Order, column: string, numeric: boolean): Order {
  if (current.column === column) return { column, descending: !current.descending }
  return { column, descending: numeric }
}
