import { type Family, METRICS, type MetricsSources } from '#status/metrics.ts'

/** Everything counted, as Prometheus text: rendered at scrape, so that counting costs an addition. */
export function metricsPage(sources: MetricsSources): string {
  return METRICS.map((family) => render(family, sources)).join('')
}

function render({ name, type, help, lines }: Family, sources: MetricsSources): string {
  const rows = lines(sources)
  if (rows.length === 0) return ''
  const full = `sluice_${name}`
  const text = rows.map(([labels, value, suffix = '']) => {
    const pairs = Object.entries(labels).map(([key, label]) => `${key}=${JSON.stringify(label)}`)
    return `${full}${suffix}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`
  })
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${text.join('')}`
}
