import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `node infra/package/licences.ts TREE MODULES`: the licences of all that a release brings along, as text on
 * stdout: every package in TREE/node_modules (Node itself is one of them), and what the dashboard was built
 * from, found in MODULES.
 */
interface Manifest {
  name: string
  version: string
  license?: string
  dependencies?: Record<string, string>
}

const IMPORT = /\b(?:from|import) '([^'.#/][^']*)'/g
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i

const [tree, modules] = process.argv.slice(2) as [string, string]
const installed = globSync('**/node_modules/{*,@*/*}/package.json', { cwd: tree }).map((path) =>
  join(tree, path, '..'),
)
const entries = [...installed, ...bundled()].map(entryOf)
// One entry for a package that is in both.
const sorted = [...new Map(entries.map((entry) => [entry.title, entry])).values()]
sorted.sort((a, b) => (a.title < b.title ? -1 : 1))
const list = sorted.map(({ title, licence }) => `${title}: ${licence}`).join('\n')
const texts = sorted.map(({ title, text }) => `${'='.repeat(80)}\n${title}\n\n${text}`).join('\n')
process.stdout.write(`Sluice comes with these packages, each under its own licence.\n\n${list}\n\n${texts}`)

/** Folders of the packages that the dashboard's sources import, and of what those need. */
function bundled(): string[] {
  const found = new Set<string>()
  const add = (name: string): void => {
    const folder = join(modules, name)
    if (found.has(folder)) return
    found.add(folder)
    for (const dependency of Object.keys(manifestOf(folder).dependencies ?? {})) add(dependency)
  }
  for (const file of globSync('dashboard/**/*.{ts,tsx}', { exclude: ['dashboard/*.config.ts'] })) {
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (!specifier!.startsWith('node:')) add(packageOf(specifier!))
    }
  }
  return [...found]
}

/** `@preact/signals/x` belongs to the package `@preact/signals`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function entryOf(folder: string): { title: string; licence: string; text: string } {
  const { name, version, license } = manifestOf(folder)
  if (typeof license !== 'string') throw new Error(`${name} ${version} does not name its licence`)
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file))
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
  const text = texts.join('\n\n') || `No text comes with it; its package says: ${license}`
  return { title: `${name} ${version}`, licence: license, text: `${text}\n` }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
