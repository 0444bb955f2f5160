import { cell, type Figures, ratio } from './pairs.ts'

/** What a bench measures and how it is to be shown. */
export interface Plan {
  cases: string[]
  variants: string[]
  /** Figures to show; left out: all. */
  columns?: string[]
  /** A figure over that of variant `to`, within each pair. */
  ratios: { figure: string; to: string }[]
}

/** The head of a Markdown table. @param figures of any run */
export function head(plan: Plan, figures: Figures): string {
  const compared = ratiosOf(plan).map(({ figure, to }) => `${figure} × ${to}`)
  const names = ['load', 'variant', ...columnsOf(plan, figures), ...compared]
  return `| ${names.join(' | ')} |\n|${names.map(() => '---|').join('')}`
}

/** A row per variant: medians, spreads, ratios. @param seen the runs of each variant, in the order of the pairs */
export function* rows(plan: Plan, what: string, seen: ReadonlyMap<string, Figures[]>): Generator<string> {
  for (const [variant, runs] of seen) {
    const values = (figure: string, of = runs): (number | null)[] =>
      of.map((figures) => figures[figure] ?? null)
    const cells = columnsOf(plan, runs[0]!).map((figure) => cell(values(figure)))
    const compared = ratiosOf(plan).map(({ figure, to }) =>
      ratio(values(figure), values(figure, seen.get(to)!)),
    )
    yield `| ${[what, variant, ...cells, ...compared].join(' | ')} |`
  }
}

function columnsOf(plan: Plan, figures: Figures): string[] {
  return plan.columns ?? Object.keys(figures)
}

/** Without those to a variant that could not be had. */
function ratiosOf({ ratios, variants }: Plan): Plan['ratios'] {
  return ratios.filter(({ to }) => variants.includes(to))
}
