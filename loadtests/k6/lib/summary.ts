import { target } from './target.ts'

interface Metric {
  contains: string
  type: string
  values: Record<string, number>
  thresholds?: Record<string, { ok: boolean }>
}

interface SummaryData {
  metrics: Record<string, Metric>
  state: { testRunDurationMs: number }
}

const OWN = /^(sluice|stream|checks)/
const TREND = ['med', 'p(95)', 'p(99)', 'max']

/** `summary.json` for programs, the same in short for the terminal. */
export function handleSummary({ metrics, state }: SummaryData): Record<string, string> {
  const { scenario, profile, direct, results } = target
  const thresholds = Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).map(([rule, { ok }]) => ({ metric, rule, ok })),
  )
  const values = Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric.values]))
  const seconds = state.testRunDurationMs / 1000
  const file = { scenario, profile, direct, seconds, metrics: values, thresholds }
  const lines = Object.entries(metrics)
    .filter(([name]) => OWN.test(name))
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, metric]) => `  ${name.padEnd(36)} ${inShort(metric)}\n`)
  const broken = thresholds.filter(({ ok }) => !ok).map(({ metric, rule }) => `BROKEN: ${metric}: ${rule}\n`)
  const end = broken.length === 0 ? `all ${thresholds.length} thresholds hold\n` : broken.join('')
  return {
    [`${results}/summary.json`]: `${JSON.stringify(file, null, 2)}\n`,
    stdout: `\n${lines.join('')}\n${end}`,
  }
}

function inShort({ type, contains, values }: Metric): string {
  const rounded = (name: string): number => Math.round(values[name]! * 100) / 100
  if (type === 'counter') return `${rounded('count')}  ${rounded('rate')}/s`
  if (type === 'rate') return `${rounded('passes')} yes  ${rounded('fails')} no`
  const unit = contains === 'time' ? ' ms' : ''
  return TREND.map((name) => `${name} ${rounded(name)}${unit}`).join('  ')
}
