import { byteRate, type Figure, milliseconds, NOTHING, number, rate } from '#dashboard/format.ts'
import { combine, growth, latest, maxOf, type Points, sumOf } from '#dashboard/history.ts'
import { clusterNames, nodeNames, overClusters, overNodes, seriesBelow } from '#dashboard/lines.ts'
import type { Model } from '#dashboard/model.ts'
import { liveNodes } from '#dashboard/words.ts'

export interface KeyFigure {
  label: string
  /** What it says exactly. */
  title: string
  now: Figure
  points: Points
  mood?: 'warning' | 'bad'
}

/** Totals of limits that held clients back are turned into a rate over so many steps. */
const HELD_BACK_STEPS = 10

/** The figures at the top of the page: of the whole fleet, now. */
export function keyFigures(model: Model): KeyFigure[] {
  const clusters = Object.values(model.state.clusters)
  const total = (pick: (cluster: (typeof clusters)[number]) => number) =>
    clusters.reduce((sum, cluster) => sum + pick(cluster), 0)
  const errors = total(({ rates }) => rates.errors)
  const rates = (figure: string) => overClusters(model, `rates.${figure}`)
  return [
    figure('Batches in', 'Batches received', rate(total((c) => c.rates.batchesIn)), rates('batchesIn')),
    figure('Records in', 'Records received', rate(total((c) => c.rates.recordsIn)), rates('recordsIn')),
    figure(
      'Bytes in',
      'Size of the batches received',
      byteRate(total((c) => c.rates.bytesIn)),
      rates('bytesIn'),
    ),
    figure('Acks', 'Batches that a cluster acknowledged', rate(total((c) => c.rates.acks)), rates('acks')),
    {
      ...figure('Errors', 'Batches answered with an error', rate(errors), rates('errors')),
      mood: errors > 0 ? 'bad' : undefined,
    },
    latencyFigure(model),
    packingFigure(model),
    connectionsFigure(model),
    heldBackFigure(model),
  ]
}

function figure(label: string, title: string, now: Figure, points: Points): KeyFigure {
  return { label, title, now, points }
}

function latencyFigure(model: Model): KeyFigure {
  const now = Object.values(model.state.clusters).map(({ latencyMs }) => latencyMs.total.p99)
  const known = now.filter((p99) => p99 != null)
  const points = maxOf(
    clusterNames(model).map((name) => model.recording.points(`clusters.${name}.latencyMs.total.p99`)),
  )
  const slowest = milliseconds(known.length ? Math.max(...known) : null)
  return figure(
    'Slowest p99',
    'From the last byte of a request to its answer, of the slowest cluster',
    slowest,
    points,
  )
}

function packingFigure(model: Model): KeyFigure {
  const of = (name: string, figure: string) => model.recording.points(`clusters.${name}.${figure}`)
  const batches = clusterNames(model).map((name) =>
    combine([of(name, 'batchesPerSubmission'), of(name, 'rates.submissions')], (a, b) => a * b),
  )
  const points = combine([sumOf(batches), overClusters(model, 'rates.submissions')], (all, submissions) =>
    submissions > 0 ? all / submissions : 0,
  )
  const now = meanPacking(model)
  const shown = now == null ? NOTHING : { text: number(now), unit: 'batches' }
  return figure('Per submission', 'Batches in one upstream request, on average', shown, points)
}

/** Weighted by how many submissions each cluster gets. */
function meanPacking({ state }: Model): number | null {
  const busy = Object.values(state.clusters).filter(({ rates }) => rates.submissions > 0)
  const submissions = busy.reduce((sum, { rates }) => sum + rates.submissions, 0)
  if (submissions === 0) return null
  return busy.reduce((sum, c) => sum + c.batchesPerSubmission * c.rates.submissions, 0) / submissions
}

function connectionsFigure(model: Model): KeyFigure {
  const now = Object.values(liveNodes(model.state)).reduce((sum, node) => sum + node.connections, 0)
  const shown = { text: number(now), unit: 'open' }
  return figure('Connections', 'Of clients, open to all live nodes', shown, overNodes(model, 'connections'))
}

function heldBackFigure(model: Model): KeyFigure {
  const prefixes = nodeNames(model).map((name) => `nodes.${name}.heldBack.`)
  const totals = seriesBelow(model.recording, prefixes)
  const points = sumOf(totals.map((points) => growth(points, model.recording.times, HELD_BACK_STEPS)))
  const now = totals.length === 0 ? 0 : latest(points)
  const title = 'How often a limit held a client back without an error'
  return { ...figure('Held back', title, rate(now), points), mood: (now ?? 0) > 0 ? 'warning' : undefined }
}
