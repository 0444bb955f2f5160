import { type Figure, join, timeOfDay } from '#dashboard/format.ts'
import type { Points } from '#dashboard/history.ts'
import type { Line } from '#dashboard/lines.ts'
import { ScrollBox } from '#dashboard/scroll-box.tsx'

const MINUTE_MS = 60_000

interface PointsTableProps {
  title: string
  times: readonly number[]
  lines: readonly Line[]
  format: (value: number | null) => Figure
}

/** A chart in figures: the mean of each minute, newest first. */
export function PointsTable({ title, times, lines, format }: PointsTableProps) {
  return (
    <ScrollBox label={`${title} as a table`}>
      <table class="points">
        <caption>Mean of each minute, newest first</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {lines.map(({ label }) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {minutesOf(times).map(({ from, first, end }) => (
            <tr key={from}>
              <th scope="row">{timeOfDay(from)}</th>
              {lines.map(({ label, points }) => (
                <td key={label} class="number">
                  {join(format(mean(points, first, end)))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  )
}

/** Minutes of the clock, newest first, with where their points begin and end. */
function minutesOf(times: readonly number[]): { from: number; first: number; end: number }[] {
  const minutes: { from: number; first: number; end: number }[] = []
  times.forEach((time, i) => {
    const from = Math.floor(time / MINUTE_MS) * MINUTE_MS
    const last = minutes.at(-1)
    if (last?.from === from) last.end = i + 1
    else minutes.push({ from, first: i, end: i + 1 })
  })
  return minutes.reverse()
}

function mean(points: Points, first: number, end: number): number | null {
  const known = points.slice(first, end).filter((value) => value !== null)
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null
}
