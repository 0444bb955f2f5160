import type { Column } from '#dashboard/data-table.tsx'
import { byteRate, join, rate } from '#dashboard/format.ts'

/** A row of a table of topics or clients. */
interface Rated {
  rates: { bytesIn: number; errors: number }
}

export function rateColumn<Row extends Rated>(
  label: string,
  figure: keyof Row['rates'] & string,
): Column<Row> {
  const of = ({ rates }: Row) => (rates as Record<string, number>)[figure]!
  const cell = (row: Row) => {
    const shown = join(rate(of(row)))
    return figure === 'errors' && of(row) > 0 ? <span class="bad">{shown}</span> : shown
  }
  return { label, numeric: true, value: of, cell }
}

export function bytesColumn<Row extends Rated>(): Column<Row> {
  const cell = ({ rates }: Row) => join(byteRate(rates.bytesIn))
  return { label: 'Bytes', numeric: true, value: ({ rates }) => rates.bytesIn, cell }
}
