import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type uPlot from 'uplot'
import { type Figure, join, timeOfDay } from '#dashboard/format.ts'
import { latest } from '#dashboard/history.ts'
import { Sign } from '#dashboard/icons.tsx'
import type { Line } from '#dashboard/lines.ts'
import { makePlot } from '#dashboard/plot.ts'
import { PointsTable } from '#dashboard/points-table.tsx'
import { paint } from '#dashboard/theme.ts'

export interface ChartProps {
  title: string
  /** What exactly is drawn, where the title does not say it. */
  note?: string
  times: readonly number[]
  lines: readonly Line[]
  format: (value: number | null) => Figure
  inBytes?: boolean
  /** Something to choose what is drawn. */
  children?: ComponentChildren
}

/** What the pointer is over, in all charts. */
const cursor = signal<number | null>(null)

/** Lines over the last 15 minutes, or the same as a table. */
export function Chart(props: ChartProps) {
  const { title, note, times, lines, format, children } = props
  const [asTable, setAsTable] = useState(false)
  const id = useId()
  const known = lines.some(({ points }) => latest(points) !== null)
  return (
    <section class="panel chart" aria-labelledby={id}>
      <div class="panel-head">
        <h3 id={id}>{title}</h3>
        {children}
        <button type="button" class="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          <Sign name={asTable ? 'chart' : 'table'} />
          <span class="hidden">Show as table: </span>
          <span class="hidden">{title}</span>
        </button>
      </div>
      {note?.trim() && <p class="note muted">{note}</p>}
      {asTable ? (
        <PointsTable title={title} times={times} lines={lines} format={format} />
      ) : (
        <>
          <Legend lines={lines} format={format} />
          <div class="plot-box">
            <Plot {...props} />
            {!known && <p class="plot-empty muted">Nothing in the last 15 minutes</p>}
          </div>
        </>
      )}
    </section>
  )
}

/** Which moment the legends speak of. */
export function Moment({ times }: { times: readonly number[] }) {
  const time = cursor.value === null ? undefined : times[cursor.value]
  return <span class="muted">{time === undefined ? 'now' : `at ${timeOfDay(time)}`}</span>
}

function Legend({ lines, format }: Pick<ChartProps, 'lines' | 'format'>) {
  const at = cursor.value
  return (
    <ul class="legend">
      {lines.map(({ label, colour, dashed, points }) => (
        <li key={label}>
          <span class={dashed ? 'swatch dashed' : 'swatch'} style={{ color: `var(${colour})` }} />
          {label}{' '}
          <span class="amount">
            {join(format(at === null ? (points.at(-1) ?? null) : (points[at] ?? null)))}
          </span>
        </li>
      ))}
    </ul>
  )
}

function Plot({ title, times, lines, format, inBytes = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [width, inSight] = useSight(box)
  const data = [times.map((ms) => ms / 1000), ...lines.map(({ points }) => points)] as uPlot.AlignedData
  const shape = lines.map(({ label, colour, dashed }) => [label, colour, dashed].join()).join('|')

  // Made anew when its lines are others; while they are the same it is given their points.
  useLayoutEffect(() => {
    if (width === 0) return
    const axis = (value: number) => join(format(value))
    const onCursor = (index: number | null) => {
      cursor.value = index
    }
    const made = makePlot(box.current!, data, { lines, width, format: axis, inBytes, onCursor })
    plot.current = made
    return () => {
      plot.current = null
      made.destroy()
    }
  }, [shape, width === 0, format])
  useLayoutEffect(() => {
    if (width > 0 && plot.current && plot.current.width !== width) {
      plot.current.setSize({ width, height: plot.current.height })
    }
  }, [width])
  useEffect(() => {
    if (inSight) plot.current?.setData(data)
  })
  useEffect(() => plot.current?.redraw(false), [paint.value])
  return <div class="plot" ref={box} role="img" aria-label={summary(title, lines, format)} />
}

/** How wide an element is, and whether it can be seen: what cannot is not drawn. */
function useSight(ref: { current: HTMLElement | null }): [width: number, inSight: boolean] {
  const [width, setWidth] = useState(0)
  const [inSight, setInSight] = useState(false)
  useLayoutEffect(() => {
    const size = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)))
    const sight = new IntersectionObserver((entries) => setInSight(entries.at(-1)!.isIntersecting))
    size.observe(ref.current!)
    sight.observe(ref.current!)
    return () => {
      size.disconnect()
      sight.disconnect()
    }
  }, [])
  return [width, inSight]
}

function summary(title: string, lines: readonly Line[], format: ChartProps['format']): string {
  const parts = lines.map(({ label, points }) => {
    const known = points.filter((value) => value !== null)
    if (known.length === 0) return `${label} without figures`
    const [low, high] = [Math.min(...known), Math.max(...known)].map((value) => join(format(value)))
    return `${label} now ${join(format(latest(points)))}, between ${low} and ${high}`
  })
  return `${title}, last 15 minutes: ${parts.join('; ') || 'nothing'}`
}
