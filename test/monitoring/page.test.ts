import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLOSE_CODES } from '#status/contract.ts'
import { METRICS } from '#status/metrics.ts'
import { fieldRows, fieldsOf, PAGE, quoted, TABLES } from '#test/monitoring/page-tables.ts'
import { alerts } from '#test/monitoring/queries.ts'
import { familyOf, labelsOf, richPage, richState } from '#test/monitoring/rich.ts'

test('the page has every metric, with its type, labels and help, and no other', () => {
  const labels = labelsOf(richPage())
  const onPage = TABLES.filter(({ head }) => head[0] === 'metric').flatMap(({ rows }) => rows)
  const rows = onPage.map(([name, type, list, , meaning]) => [
    quoted(name!)[0],
    type,
    ...quoted(list!),
    meaning,
  ])
  const inCode = METRICS.map(({ name, type, help }) => {
    // Of a histogram `le` goes without saying.
    const own = [...labels.get(`sluice_${name}`)!].filter((label) => label !== 'le')
    return [`sluice_${name}`, type, ...own, help]
  })
  const sorted = (list: unknown[][]) => list.map((row) => row.join(' | ')).sort()
  assert.deepEqual(sorted(rows), sorted(inCode))
})

test('every metric has a unit, and so has every number of the state', () => {
  for (const [name, , , unit] of TABLES.filter(({ head }) => head[0] === 'metric').flatMap(
    ({ rows }) => rows,
  )) {
    assert.ok(unit, name)
  }
  const units = new Map(fieldRows().flatMap(({ paths, unit }) => paths.map((path) => [path, unit])))
  for (const [path, value] of fieldsOf(richState())) {
    if (typeof value !== 'number') continue
    assert.ok(units.get(path), `${path} has no unit`)
  }
})

test('the page has every field of the state, and no other', () => {
  const inCode = [...new Set(fieldsOf(richState()).map(([path]) => path))].sort()
  const onPage = fieldRows().flatMap(({ paths }) => paths)
  assert.equal(new Set(onPage).size, onPage.length, 'a field is explained twice')
  assert.deepEqual(onPage.sort(), inCode)
})

test('every alert has a paragraph in the runbook: what it means, what to look at, what to do', () => {
  const runbook = PAGE.slice(PAGE.indexOf('\n## Runbook\n'))
  const sections = runbook.split('\n### ').slice(1)
  assert.deepEqual(
    sections.map((section) => section.split('\n')[0]).sort(),
    alerts()
      .map(({ alert }) => alert)
      .sort(),
  )
  for (const section of sections) {
    for (const part of ['**Means**:', '**Look at**:', '**Do**:']) assert.ok(section.includes(part), section)
  }
})

test('the page has the close codes of the stream', () => {
  const rows = TABLES.filter(({ head }) => head[0] === 'code' && head[1] === 'why').flatMap(
    ({ rows }) => rows,
  )
  assert.deepEqual(
    rows.map(([code, why]) => [quoted(code!)[0], why]),
    Object.entries(CLOSE_CODES),
  )
})

test('what the page names and links to is there', () => {
  for (const [name] of PAGE.matchAll(/\bsluice_\w+/g)) assert.ok(familyOf(name) ?? isHistogram(name), name)
  for (const [, target] of PAGE.matchAll(/\]\(([^)]+)\)/g)) {
    const [file, anchor] = target!.split('#')
    const path = file ? join('docs', file) : 'docs/observability.md'
    assert.ok(existsSync(path), target)
    if (anchor) assert.ok(anchorsOf(readFileSync(path, 'utf8')).includes(anchor), target)
  }
})

const isHistogram = (name: string) => METRICS.some((family) => `sluice_${family.name}` === name)

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    return heading!
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-')
  })
}
