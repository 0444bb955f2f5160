/** One run's figures, by name; null where one does not apply. */
export type Figures = Record<string, number | null>

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Runs of one pair follow each other; every second pair goes backwards, so that a drift hits all alike. */
export function interleaved(variants: readonly string[], pairs: number): { variant: string; pair: number }[] {
  return Array.from({ length: pairs }, (_, pair) => {
    const order = pair % 2 === 0 ? variants : variants.toReversed()
    return order.map((variant) => ({ variant, pair }))
  }).flat()
}

/** The median, and the spread where it is over 5 % of it. */
export function cell(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null)
  if (known.length === 0) return NOTHING
  const middle = median(known)
  const [low, high] = [Math.min(...known), Math.max(...known)]
  return high - low > 0.05 * middle && digits(low) !== digits(high)
    ? `${digits(middle)} [${digits(low)}..${digits(high)}]`
    : digits(middle)
}

/** The median of the ratios within each pair. */
export function ratio(values: readonly (number | null)[], baseline: readonly (number | null)[]): string {
  const ratios = values.flatMap((value, i) => {
    const base = baseline[i]
    return value === null || !base ? [] : [value / base]
  })
  return ratios.length === 0 ? NOTHING : median(ratios).toFixed(2)
}

const NOTHING = '–'

function digits(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 100) return String(value)
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
