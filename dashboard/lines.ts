import { errorName } from '#dashboard/error-names.ts'
import { chosenOf, type Filter } from '#dashboard/filter.ts'
import { latest, maxOf, type Points, type Recording, sumOf } from '#dashboard/history.ts'
import type { Model } from '#dashboard/model.ts'
import { sorted } from '#dashboard/sort.ts'
import { liveNodes } from '#dashboard/words.ts'
import type { Rates } from '#status/contract.ts'

/** One line of a chart. */
export interface Line {
  label: string
  /** A custom property of the style sheet. */
  colour: string
  dashed?: boolean
  points: Points
}

const SERIES_COLOURS = 6
/** So many errors have a line of their own, the others share one. */
const MOST_ERRORS = 5

export const clusterNames = ({ state }: Model) => Object.keys(state.clusters)
export const nodeNames = ({ state }: Model) => sorted(Object.keys(state.nodes), (id) => id, false)

/** A name keeps its colour whatever is filtered. */
function colourOf(name: string, all: readonly string[]): string {
  return `--series-${(all.indexOf(name) % SERIES_COLOURS) + 1}`
}

/** Where figures of a cluster stand: of one node, or of all. */
function clusterPath(cluster: string, { node }: Filter): string {
  return node === undefined ? `clusters.${cluster}` : `nodes.${node}.clusters.${cluster}`
}

/** A figure of each cluster. @param figure path below the cluster */
export function clusterLines(model: Model, filter: Filter, figure: string): Line[] {
  const all = clusterNames(model)
  return chosenOf(all, filter.cluster).map((name) => ({
    label: name,
    colour: colourOf(name, all),
    points: model.recording.points(`${clusterPath(name, filter)}.${figure}`),
  }))
}

export function rateLines(model: Model, filter: Filter, figure: keyof Rates): Line[] {
  return clusterLines(model, filter, `rates.${figure}`)
}

/** Percentiles do not add up: of several clusters the slowest is shown. */
export function latencyLines(model: Model, filter: Filter, part: 'gateway' | 'upstream' | 'total'): Line[] {
  const chosen = chosenOf(clusterNames(model), filter.cluster)
  return (['p50', 'p95', 'p99'] as const).map((which) => ({
    label: which,
    colour: `--${which}`,
    points: maxOf(
      chosen.map((name) => model.recording.points(`${clusterPath(name, filter)}.latencyMs.${part}.${which}`)),
    ),
  }))
}

/** Errors by name, those with most now first. */
export function errorLines(model: Model, filter: Filter): Line[] {
  const byCode = new Map<string, Points[]>()
  const chosen = chosenOf(clusterNames(model), filter.cluster)
  const all = sumOf(chosen.map((name) => model.recording.points(`${clusterPath(name, filter)}.rates.errors`)))
  // Only the codes that occur have points; while errors are counted at all, the others are 0.
  const filled = (points: Points) => points.map((rate, i) => rate ?? (all[i] === null ? null : 0))
  for (const name of chosen) {
    const prefix = `${clusterPath(name, filter)}.errorRates.`
    for (const path of model.recording.paths(prefix)) {
      const code = path.slice(prefix.length)
      byCode.set(code, [...(byCode.get(code) ?? []), model.recording.points(path)])
    }
  }
  const lines = [...byCode]
    .map(([code, series]) => ({ code, points: filled(sumOf(series)) }))
    .filter(({ points }) => points.some((rate) => rate))
  const ranked = sorted(
    lines,
    ({ points }) => points.reduce<number>((sum, rate) => sum + (rate ?? 0), 0),
    true,
  )
  // Colours go by code, so that a line keeps its own when the ranks change.
  const shown = sorted(ranked.slice(0, MOST_ERRORS), ({ code }) => Number(code), false).map(
    ({ code, points }, i): Line => ({ label: errorName(code), colour: `--series-${i + 1}`, points }),
  )
  const rest = ranked.slice(MOST_ERRORS)
  if (rest.length === 0) return shown
  const other = {
    label: `${rest.length} other`,
    colour: '--series-6',
    points: sumOf(rest.map((r) => r.points)),
  }
  return [...shown, other]
}

export type GrantFigure = 'lanes' | 'inFlightBytes' | 'submissionsPerSecond'

const USED: Record<GrantFigure, string> = {
  lanes: 'lanesInUse',
  inFlightBytes: 'inFlightBytes',
  submissionsPerSecond: 'rates.submissions',
}

/** What is used of a cluster's grants, and what is granted, over the chosen nodes. */
export function grantLines(model: Model, filter: Filter, figure: GrantFigure): Line[] {
  const all = clusterNames(model)
  const nodes = chosenOf(nodeNames(model), filter.node)
  const over = (path: string) => sumOf(nodes.map((node) => model.recording.points(`nodes.${node}.${path}`)))
  return chosenOf(all, filter.cluster).flatMap((name): Line[] => {
    const used = over(`clusters.${name}.${USED[figure]}`)
    const granted = over(`clusters.${name}.grant.${figure}`)
    const colour = colourOf(name, all)
    const lines: Line[] = [{ label: `${name} used`, colour, points: used }]
    // 0 is no limit, and there is no line to draw for that.
    if (latest(granted)) lines.push({ label: `${name} granted`, colour, dashed: true, points: granted })
    return lines
  })
}

/** A figure of each node. */
export function nodeLines(model: Model, filter: Filter, figure: string): Line[] {
  const all = nodeNames(model)
  return chosenOf(all, filter.node).map((name) => ({
    label: name,
    colour: colourOf(name, all),
    points: model.recording.points(`nodes.${name}.${figure}`),
  }))
}

/** The sum of a figure over all clusters. */
export function overClusters(model: Model, figure: string): Points {
  return sumOf(clusterNames(model).map((name) => model.recording.points(`clusters.${name}.${figure}`)))
}

/** The sum of a figure over the live nodes. */
export function overNodes(model: Model, figure: string): Points {
  const live = Object.keys(liveNodes(model.state))
  return sumOf(live.map((name) => model.recording.points(`nodes.${name}.${figure}`)))
}

/** All series of a recording below some paths. */
export function seriesBelow(recording: Recording, prefixes: readonly string[]): Points[] {
  return prefixes.flatMap((prefix) => recording.paths(prefix).map((path) => recording.points(path)))
}
