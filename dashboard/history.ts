import type { History, State } from '#status/contract.ts'

export type Points = (number | null)[]

/** How much is kept. */
const SPAN_MS = 15 * 60_000

/**
 * What the page records itself, from when it was opened: figures of one cluster on one node, which would be
 * much to send for all of them.
 */
const OWN_PATTERNS = [
  'nodes.*.rates.*',
  'nodes.*.clusters.*.rates.*',
  'nodes.*.clusters.*.errorRates.*',
  'nodes.*.clusters.*.latencyMs.*.*',
  'nodes.*.clusters.*.batchesPerSubmission',
  'nodes.*.clusters.*.lanesInUse',
  'nodes.*.clusters.*.inFlightBytes',
  'nodes.*.clusters.*.grant.*',
]

/** The last 15 minutes of many figures, by path into `State`. All series have a point for each of `times`. */
export class Recording {
  readonly #patterns: string[][]
  readonly #step: number
  readonly #series = new Map<string, Points>()
  readonly #times: number[]

  /**
   * @param patterns what the server has a history of; more than that is recorded
   * @param before what was recorded so far: what the server does not send is taken from there
   */
  constructor(patterns: readonly string[], history: History, before?: Recording) {
    this.#patterns = [...new Set([...patterns, ...OWN_PATTERNS])].map((pattern) => pattern.split('.'))
    this.#step = history.step_ms
    const lengths = Object.values(history.series).map((points) => points.length)
    const length = Math.max(0, ...lengths)
    this.#times = Array.from({ length }, (_, i) => history.from + i * this.#step)
    for (const [path, points] of Object.entries(history.series)) this.#series.set(path, [...points])
    if (before) this.#takeOver(before)
    this.#trim()
  }

  /** In ms since 1970. */
  get times(): readonly number[] {
    return this.#times
  }

  /** @returns nulls where nothing is known of that path */
  points(path: string): Points {
    return this.#series.get(path) ?? new Array<null>(this.#times.length).fill(null)
  }

  paths(prefix: string): string[] {
    return [...this.#series.keys()].filter((path) => path.startsWith(prefix))
  }

  /** A node that is gone has no figures, though what it said last is still shown. */
  append(ts: number, state: State): void {
    const at = this.#makeRoom(ts)
    const living = Object.entries(state.nodes).filter(([, node]) => node.state !== 'gone')
    const readable = { ...state, nodes: Object.fromEntries(living) }
    for (const pattern of this.#patterns) {
      for (const [path, value] of figuresAt(readable, pattern)) {
        let points = this.#series.get(path)
        if (!points) this.#series.set(path, (points = new Array<null>(this.#times.length).fill(null)))
        points[at] = value
      }
    }
    this.#trim()
  }

  /** For a page that stands still while this goes on. */
  copy(): Recording {
    const series = Object.fromEntries(this.#series)
    const copy = new Recording([], { step_ms: this.#step, from: 0, series })
    copy.#times.splice(0, copy.#times.length, ...this.#times)
    return copy
  }

  /** @returns where the points of that time belong */
  #makeRoom(ts: number): number {
    const last = this.#times.at(-1) ?? Number.NEGATIVE_INFINITY
    if (ts - last > SPAN_MS) {
      this.#times.length = 0
      for (const points of this.#series.values()) points.length = 0
    } else if (ts - last < this.#step / 2) return this.#times.length - 1
    else if (ts - last > 2.5 * this.#step) this.#push(last + this.#step) // a gap to be seen as one
    this.#push(ts)
    return this.#times.length - 1
  }

  #push(time: number): void {
    this.#times.push(time)
    for (const points of this.#series.values()) points.push(null)
  }

  #trim(): void {
    const oldest = (this.#times.at(-1) ?? 0) - SPAN_MS
    const surplus = this.#times.findIndex((time) => time >= oldest)
    if (surplus <= 0) return
    this.#times.splice(0, surplus)
    for (const points of this.#series.values()) points.splice(0, surplus)
  }

  #takeOver(before: Recording): void {
    const places = this.#times.map((time) => before.#placeOf(time))
    for (const [path, points] of before.#series) {
      if (this.#series.has(path)) continue
      this.#series.set(
        path,
        places.map((place) => points[place] ?? null),
      )
    }
  }

  /** @returns -1 where there is no point near that time */
  #placeOf(time: number): number {
    return this.#times.findIndex((own) => Math.abs(own - time) <= this.#step / 2)
  }
}

/** The numbers that a pattern leads to, with their paths. */
export function* figuresAt(
  root: unknown,
  pattern: readonly string[],
  path = '',
): Generator<[path: string, value: number]> {
  const [step, ...rest] = pattern
  if (step === undefined) {
    if (typeof root === 'number') yield [path, root]
    return
  }
  if (typeof root !== 'object' || root === null) return
  const branches = step === '*' ? Object.keys(root) : Object.hasOwn(root, step) ? [step] : []
  for (const key of branches) {
    const value = (root as Record<string, unknown>)[key]
    yield* figuresAt(value, rest, path ? `${path}.${key}` : key)
  }
}

/** Of each moment; null where none of them has a point. */
export function combine(series: readonly Points[], how: (a: number, b: number) => number): Points {
  const combined: Points = []
  for (let i = 0; i < (series[0]?.length ?? 0); i++) {
    let all: number | null = null
    for (const points of series) {
      const value = points[i] ?? null
      if (value !== null) all = all === null ? value : how(all, value)
    }
    combined.push(all)
  }
  return combined
}

export const sumOf = (series: readonly Points[]): Points => combine(series, (a, b) => a + b)
export const maxOf = (series: readonly Points[]): Points => combine(series, Math.max)

/** How fast a total grows, over so many points. @returns per second; null before there is enough of it */
export function growth(totals: Points, times: readonly number[], steps: number): Points {
  return totals.map((now, i) => {
    const before = totals[i - steps] ?? null
    // A total that fell began anew.
    if (now === null || before === null) return null
    return (Math.max(0, now - before) * 1000) / (times[i]! - times[i - steps]!)
  })
}

/** The last point that is one. */
export function latest(points: Points): number | null {
  return points.findLast((value) => value !== null) ?? null
}
