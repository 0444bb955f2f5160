import uPlot from 'uplot'
import type { Line } from '#dashboard/lines.ts'
import { colour } from '#dashboard/theme.ts'

const HEIGHT = 150
const SPAN_S = 15 * 60
const FONT = '11px system-ui, sans-serif'
/** Distances between two marks of an axis of bytes. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, i) => 2 ** i)
/** What the pointer is over in one chart is shown in each. */
const CURSOR_GROUP = 'time'

export interface PlotOptions {
  lines: readonly Line[]
  width: number
  /** Of a value, for the axis. */
  format: (value: number) => string
  inBytes: boolean
  /** @param index into the points; null when the pointer has left */
  onCursor: (index: number | null) => void
}

/** A chart of the last 15 minutes, from 0. Its colours are read from the style sheet at each drawing. */
export function makePlot(into: HTMLElement, data: uPlot.AlignedData, options: PlotOptions): uPlot {
  const { lines, width, format, inBytes, onCursor } = options
  const shape: uPlot.Options = {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: {
      sync: { key: CURSOR_GROUP },
      y: false,
      points: { size: 6 },
      drag: { x: false, y: false, setScale: false },
    },
    scales: {
      x: { range: ({ data: [times] }) => timeRange(times) },
      y: { range: (_plot, _min, max) => [0, niceTop(max)] },
    },
    axes: [timeAxis(), valueAxis(format, inBytes)],
    series: [{}, ...lines.map(seriesOf)],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
  }
  return new uPlot(shape, data, into)
}

function timeRange(times: ArrayLike<number>): [number, number] {
  const end = times[times.length - 1] ?? Date.now() / 1000
  return [end - SPAN_S, end]
}

/** A little room above the highest point; a chart without any still has an axis. */
function niceTop(highest: number | null): number {
  return highest ? highest * 1.08 : 1
}

function seriesOf({ colour: property, dashed }: Line): uPlot.Series {
  return {
    stroke: () => colour(property),
    width: 1.4,
    dash: dashed ? [4, 3] : undefined,
    points: { show: false },
  }
}

const look = {
  font: FONT,
  stroke: () => colour('--muted'),
  grid: { stroke: () => colour('--grid'), width: 1 },
  ticks: { show: false },
}

function timeAxis(): uPlot.Axis {
  return {
    ...look,
    size: 24,
    gap: 4,
    space: 60,
    incrs: [60, 180, 300, 600],
    values: (_plot, splits) => splits.map((s) => minuteOf(s)),
  }
}

function minuteOf(seconds: number): string {
  const date = new Date(seconds * 1000)
  return `${date.getHours()}`.padStart(2, '0') + ':' + `${date.getMinutes()}`.padStart(2, '0')
}

function valueAxis(format: (value: number) => string, inBytes: boolean): uPlot.Axis {
  return {
    ...look,
    size: 62,
    gap: 4,
    space: 28,
    incrs: inBytes ? BYTE_STEPS : undefined,
    values: (_plot, splits) => splits.map(format),
  }
}
