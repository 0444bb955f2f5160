import type { Points } from '#dashboard/history.ts'

const WIDTH = 120
const HEIGHT = 24
/** Finer than this cannot be seen in so small a picture. */
const BUCKETS = 90

/** A small picture of what a figure has done in the last 15 minutes, from 0 to its highest. */
export function Sparkline({ points }: { points: Points }) {
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={pathOf(coarse(points, BUCKETS))} vector-effect="non-scaling-stroke" />
    </svg>
  )
}

function pathOf(points: Points): string {
  const top = Math.max(...points.map((value) => value ?? 0)) || 1
  let path = ''
  let pen = 'M'
  points.forEach((value, i) => {
    if (value === null) pen = 'M'
    else {
      const x = (i / Math.max(1, points.length - 1)) * WIDTH
      const y = HEIGHT - 1 - (value / top) * (HEIGHT - 2)
      path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`
      pen = 'L'
    }
  })
  return path
}

/** Means of so many parts. */
function coarse(points: Points, buckets: number): Points {
  if (points.length <= buckets) return points
  return Array.from({ length: buckets }, (_, i) => {
    const from = Math.floor((i * points.length) / buckets)
    const to = Math.floor(((i + 1) * points.length) / buckets)
    const known = points.slice(from, to).filter((value) => value !== null)
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null
  })
}
