import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { test } from 'node:test'
import { parse } from 'acorn'

/** Which folder may import which: the house's doors. `types:` allows `import type` only. */
const MAY_IMPORT: Record<string, string[]> = {
  protocol: [],
  telemetry: [],
  batcher: ['protocol'],
  upstream: ['protocol', 'telemetry'],
  fleet: ['telemetry'],
  status: ['telemetry', 'types:batcher'],
  sandbox: ['protocol'],
  gateway: ['protocol', 'telemetry', 'batcher', 'upstream', 'fleet', 'status', 'sandbox'],
  dashboard: ['types:status'],
  loadtests: [],
  infra: [],
  test: ['*'],
}

/** Code is formatted to 110 columns; a sentence or a string may run on to 120. */
const LIMITS = { functionLines: 70, fileLines: 400, columns: 120 }

/** What a folder must not contain, and what to use instead. */
const BANNED: { pattern: RegExp; where: (path: string) => boolean; instead: string }[] = [
  {
    pattern: /\bDate\.now\b|\bperformance\.now\b|\bset(Timeout|Interval|Immediate)\b|\bMath\.random\b/,
    where: (path) => path.startsWith('batcher/'),
    instead: 'the engine is handed time and chance: use the Clock port',
  },
  {
    pattern: /\bprocess\.env\b/,
    where: (path) => path !== 'gateway/config.ts' && !path.startsWith('test/'),
    instead: 'the environment is read in gateway/config.ts only',
  },
  { pattern: /from '\.\.\//, where: () => true, instead: 'folders are crossed as #folder/file.ts' },
  {
    pattern: /\b(TODO|FIXME|XXX)\b/,
    where: (path) => path !== 'test/tidy.test.ts',
    instead: 'finish it, or file an issue',
  },
  {
    pattern: /\b(downstream|frontend|backend|manager|helper|utils)\b/i,
    where: (path) => path !== 'test/tidy.test.ts',
    instead: 'words: see DESIGN, "client", "upstream", or the thing itself',
  },
]

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => /\.(ts|tsx)$/.test(path) && !path.endsWith('.d.ts'))
const sources = files.map((path) => ({ path, text: readFileSync(path, 'utf8') }))

test('every folder imports only what the table allows', () => {
  const wrong: string[] = []
  for (const { path, text } of sources) {
    const folder = path.split('/')[0]!
    const allowed = MAY_IMPORT[folder]
    if (!allowed) {
      wrong.push(`${path}: folder ${folder} is not in the table`)
      continue
    }
    for (const match of text.matchAll(
      /^(?:import|export) (type )?[^;]*?from '#(\w+)\/|import\('#(\w+)\//gms,
    )) {
      const target = match[2] ?? match[3]!
      const fine =
        target === folder ||
        allowed.includes('*') ||
        allowed.includes(target) ||
        (match[1] !== undefined && allowed.includes(`types:${target}`))
      if (!fine) wrong.push(`${path} imports #${target}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('files and lines stay short', () => {
  const wrong: string[] = []
  for (const { path, text } of sources) {
    const lines = text.split('\n')
    if (lines.length - 1 > LIMITS.fileLines) wrong.push(`${path}: ${lines.length - 1} lines`)
    lines.forEach((line, i) => {
      if (line.length > LIMITS.columns) wrong.push(`${path}:${i + 1}: ${line.length} columns`)
    })
  }
  assert.deepEqual(wrong, [])
})

test('functions stay short', () => {
  const wrong: string[] = []
  for (const { path, text } of sources.filter(({ path }) => path.endsWith('.ts'))) {
    for (const { line, lines } of longFunctions(text)) wrong.push(`${path}:${line}: ${lines} lines`)
  }
  assert.deepEqual(wrong, [])
})

test('nothing banned is used', () => {
  const wrong: string[] = []
  for (const { path, text } of sources) {
    const lines = text.split('\n')
    for (const { pattern, where, instead } of BANNED) {
      if (!where(path)) continue
      lines.forEach((line, i) => {
        if (pattern.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()} (${instead})`)
      })
    }
  }
  assert.deepEqual(wrong, [])
})

/** Functions over the limit. The callbacks of `describe` hold whole suites and do not count. */
function longFunctions(text: string): { line: number; lines: number }[] {
  const tree = parse(stripTypeScriptTypes(text), {
    ecmaVersion: 'latest',
    sourceType: 'module',
    locations: true,
  })
  const found: { line: number; lines: number }[] = []
  const visit = (node: any, exempt: boolean): void => {
    if (!node || typeof node !== 'object') return
    if (Array.isArray(node)) {
      for (const each of node) visit(each, exempt)
      return
    }
    if (/Function/.test(node.type ?? '') && node.loc && !exempt) {
      const lines = node.loc.end.line - node.loc.start.line + 1
      if (lines > LIMITS.functionLines) found.push({ line: node.loc.start.line, lines })
    }
    const describes = node.type === 'CallExpression' && node.callee?.name === 'describe'
    for (const [key, child] of Object.entries(node)) {
      if (key !== 'loc' && typeof child === 'object') visit(child, describes && key === 'arguments')
    }
  }
  visit(tree, false)
  return found
}
