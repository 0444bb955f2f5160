import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** What infra/monitoring asks Prometheus, as data. */

const FOLDER = 'infra/monitoring'
export const ALERTS_FILE = `${FOLDER}/alerts.yml`
export const ALERTS_TEST_FILE = `${FOLDER}/alerts_test.yml`
export const SCRAPE_FILE = `${FOLDER}/prometheus.yml`

export interface Alert {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string; legendFormat?: string }[]
  fieldConfig?: { defaults: { unit?: string }; overrides: Override[] }
}

export interface Override {
  matcher: { id: string; options: string }
  properties: { id: string; value: any }[]
}

export interface GrafanaBoard {
  uid: string
  title: string
  panels: Panel[]
  templating: { list: { name: string; query: string | { query: string } }[] }
  annotations: { list: { expr: string }[] }
}

export function alerts(): Alert[] {
  const { groups } = parse(readFileSync(ALERTS_FILE, 'utf8')) as { groups: { rules: Alert[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

export function board(): GrafanaBoard {
  return JSON.parse(readFileSync(`${FOLDER}/grafana/sluice.json`, 'utf8'))
}

/** A query and everything that stands beside it and names its labels. */
export interface Query {
  where: string
  expr: string
  /** Labels that its answer is shown by. */
  shown: string[]
}

export function queries(): Query[] {
  const { panels, templating, annotations } = board()
  const legend = (text = '') => [...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label]) => label!)
  return [
    ...alerts().flatMap(ofAlert),
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({
        where: `panel ${title}`,
        expr,
        shown: legend(legendFormat),
      })),
    ),
    ...annotations.list.map(({ expr }) => ({ where: 'annotation', expr, shown: [] })),
    ...templating.list.flatMap(({ name, query }) => ofVariable(name, query)),
  ]
}

function ofAlert({ alert, expr, annotations }: Alert): Query[] {
  const text = Object.values(annotations).join(' ')
  const shown = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
  // A description may ask for more.
  const asked = [...text.matchAll(/printf "([^"]*)"[^}]*\| query/g)].map(([, more]) =>
    more!.replaceAll('%s', ''),
  )
  return [{ where: alert, expr, shown }, ...asked.map((more) => ({ where: alert, expr: more, shown: [] }))]
}

function ofVariable(name: string, query: string | { query: string }): Query[] {
  const text = typeof query === 'string' ? query : query.query
  const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(text) ?? []
  return expr ? [{ where: `variable ${name}`, expr, shown: [label!] }] : []
}
