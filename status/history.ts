import type { History, State } from '#status/contract.ts'

const STEP_MS = 1000
/** 15 minutes. */
const POINTS = 900
/** A series is 7 KiB here and up to 5 in a snapshot; those named first in `SERIES` come first. */
const MAX_SERIES = 500
const DIGITS = 4

/** What charts are drawn from: paths into `State`, their parts joined by `.`, `*` for any name. */
export const SERIES = [
  'clusters.*.rates.*',
  'clusters.*.latencyMs.*.*',
  'clusters.*.errorRates.*',
  'clusters.*.batchesPerSubmission',
  'nodes.*.connections',
  'nodes.*.loopDelayMs',
  'nodes.*.residentBytes',
  'nodes.*.cpu',
  'nodes.*.heldBack.*',
  'nodes.*.clusters.*.lanesInUse',
  'nodes.*.clusters.*.grant.lanes',
]
const PATHS = SERIES.map((series) => series.split('.'))

interface Series {
  /** NaN where there is no point. */
  points: Float64Array
  /** Step of the newest point. */
  last: number
}

/** The last 15 minutes of what `SERIES` names. */
export class Recorder {
  readonly #series = new Map<string, Series>()
  /** Steps so far; the newest point of all stands at this one. */
  #step = 0
  #ts = 0

  /** Once a second. Seconds that were missed are gaps; a clock that was set back does no harm. */
  add(state: State): void {
    const steps = this.#step === 0 ? 1 : Math.round((state.ts - this.#ts) / STEP_MS)
    this.#advance(Math.min(POINTS, Math.max(1, steps)))
    this.#ts = state.ts
    const nodes = Object.entries(state.nodes).filter(([, node]) => node.state !== 'gone')
    const live = { ...state, nodes: Object.fromEntries(nodes) }
    for (const path of PATHS) this.#record(live, path, 0, '')
    for (const [name, { last }] of this.#series) if (last <= this.#step - POINTS) this.#series.delete(name)
  }

  #advance(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step++
      for (const { points } of this.#series.values()) points[this.#step % POINTS] = Number.NaN
    }
  }

  #record(value: unknown, path: readonly string[], depth: number, name: string): void {
    if (depth === path.length) {
      if (typeof value === 'number') this.#point(name, value)
      return
    }
    if (typeof value !== 'object' || value === null) return
    const members = value as Record<string, unknown>
    const part = path[depth]!
    for (const key of part === '*' ? Object.keys(members) : [part]) {
      this.#record(members[key], path, depth + 1, depth === 0 ? key : `${name}.${key}`)
    }
  }

  #point(name: string, value: number): void {
    let series = this.#series.get(name)
    if (!series) {
      if (this.#series.size >= MAX_SERIES) return
      series = { points: new Float64Array(POINTS).fill(Number.NaN), last: 0 }
      this.#series.set(name, series)
    }
    series.points[this.#step % POINTS] = Number(value.toPrecision(DIGITS))
    series.last = this.#step
  }

  history(): History {
    const length = Math.min(this.#step, POINTS)
    const series = Object.create(null)
    for (const [name, { points }] of this.#series) {
      series[name] = Array.from({ length }, (_, i) => {
        const point = points[(this.#step - length + 1 + i) % POINTS]!
        return Number.isNaN(point) ? null : point
      })
    }
    return { step_ms: STEP_MS, from: this.#ts - Math.max(0, length - 1) * STEP_MS, series }
  }
}
