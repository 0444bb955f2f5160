import { readFileSync } from 'node:fs'

/** The tables of docs/observability.md, and what the state has in their words. */

export const PAGE = readFileSync('docs/observability.md', 'utf8')

interface Table {
  head: string[]
  rows: string[][]
}

/** A bar inside of backticks would end a cell, so there is none. */
function tablesOf(page: string): Table[] {
  const tables: Table[] = []
  let open: Table | null = null
  for (const line of page.split('\n')) {
    const cells = line.startsWith('|') ? line.split('|').slice(1, -1) : null
    if (!cells) open = null
    else if (!open) tables.push((open = { head: cells.map((cell) => cell.trim()), rows: [] }))
    else if (!/^[\s|:-]+$/.test(line)) open.rows.push(cells.map((cell) => cell.trim()))
  }
  return tables
}

export const TABLES = tablesOf(PAGE)
/** What stands in backticks. */
export const quoted = (cell: string) => [...cell.matchAll(/`([^`]*)`/g)].map(([, text]) => text!)

/** Tables whose first column gives fields, by the prefixes in its head; `{a,b}` in a row stands for several. */
export function fieldRows(): { paths: string[]; unit: string }[] {
  const tables = TABLES.filter(({ head }) => head[1] === 'unit' && head[0] !== 'metric')
  return tables.flatMap(({ head, rows }) => {
    const prefixes = head[0] === 'field' ? [''] : quoted(head[0]!)
    return rows.map(([name, unit]) => {
      const fields = expanded(quoted(name!)[0]!)
      return { paths: prefixes.flatMap((prefix) => fields.map((field) => prefix + field)), unit: unit! }
    })
  })
}

function expanded(path: string): string[] {
  const [, start, list, rest] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? []
  if (list === undefined) return [path]
  return list.split(',').flatMap((each) => expanded(`${start}${each}${rest}`))
}

/** What stands for the names in a path, by the field that they are in. */
const NAMES: Record<string, string> = {
  nodes: '<id>',
  clusters: '<name>',
  topics: '<topic>',
  closed: '<cause>',
  heldBack: '<cause>',
  refusals: '<error>',
  errorCodes: '<error>',
  errorRates: '<error>',
  requests: '<api/version>',
}

/** Paths of all that is neither an object nor a list of objects, names replaced. */
export function fieldsOf(value: unknown, path: string[] = []): [path: string, value: unknown][] {
  if (Array.isArray(value) && typeof value[0] === 'object') {
    const list = [...path.slice(0, -1), `${path.at(-1)}[]`]
    return value.flatMap((each) => fieldsOf(each, list))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path.join('.'), value]]
  const wildcard = NAMES[path.at(-1) ?? '']
  return Object.entries(value).flatMap(([key, each]) => fieldsOf(each, [...path, wildcard ?? key]))
}
