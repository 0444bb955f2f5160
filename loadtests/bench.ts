import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type Figures, interleaved } from './pairs.ts'
import { head, type Plan, rows } from './table.ts'

/**
 * `npm run bench -- NAME [--pairs 5] [--only TEXT] [--seconds N] [--warm N] [--beside FOLDER]`: runs every variant
 * of every case in interleaved pairs, prints medians, spreads and ratios as a Markdown table, and leaves every run
 * in `.cache/bench/`. `--only` names cases, or variants (then whatever they are compared with runs, too). `--beside`
 * measures the gateway of another checkout, too: what a change brings is seen only within one run.
 *
 * A bench is a program that prints its plan, then answers each line `{what, variant, repeat}` with its figures.
 */
const COMPARED = [
  'w1',
  'w1-rf3',
  'w2',
  'w3',
  'w4',
  'w4-hot',
  'closed',
  'w5',
  'w7',
  'w8',
  'capacity',
  'break-even',
  'stream',
]
const BENCHES: Record<string, string[]> = {
  windows: ['test/bench/windows.ts'],
  refresh: ['test/bench/refresh.ts'],
  ...Object.fromEntries(COMPARED.map((name) => [name, ['test/bench/compare.ts', name]])),
}
const OUTPUT = join(import.meta.dirname, '../.cache/bench')

interface Run {
  what: string
  variant: string
  pair: number
  figures: Figures
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [name = ''] = positionals
  const program = BENCHES[name]
  if (!program) {
    console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')} ${USAGE}`)
    return 2
  }
  const given = (['seconds', 'warm', 'beside'] as const).flatMap((key) => {
    const value = values[key]
    return value === undefined ? [] : [`--${key}`, value]
  })
  const child = spawn(process.execPath, [...program, ...given], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const read = async <T>(): Promise<T> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${program.join(' ')} ended before it answered`)
    return JSON.parse(value) as T
  }
  const plan = narrowed(await read<Plan>(), values.only)
  const ask = (request: object): Promise<Figures> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    return read<Figures>()
  }
  const runs = await measureAll(plan, Number(values.pairs), ask)
  child.stdin.end()
  await gone
  console.log(`\n\`npm run bench -- ${args.join(' ')}\`: ${keep(name, args, runs)}`)
  return 0
}

const OPTIONS = {
  pairs: { type: 'string', default: '5' },
  only: { type: 'string', default: '' },
  seconds: { type: 'string' },
  warm: { type: 'string' },
  beside: { type: 'string' },
} as const
const USAGE = '[--pairs 5] [--only TEXT] [--seconds N] [--warm N] [--beside FOLDER]'

function narrowed(plan: Plan, only: string): Plan {
  const cases = plan.cases.filter((what) => what.includes(only))
  if (cases.length > 0) return { ...plan, cases }
  const needed = new Set(plan.ratios.map(({ to }) => to))
  const variants = plan.variants.filter((variant) => variant.includes(only) || needed.has(variant))
  return { ...plan, variants }
}

async function measureAll(
  plan: Plan,
  pairs: number,
  ask: (request: object) => Promise<Figures>,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const what of plan.cases) {
    const seen = new Map<string, Figures[]>(plan.variants.map((variant) => [variant, []]))
    for (const { variant, pair } of interleaved(plan.variants, pairs)) {
      const figures = await ask({ what, variant, repeat: pair + 1 })
      seen.get(variant)!.push(figures)
      runs.push({ what, variant, pair, figures })
    }
    if (runs.length === plan.variants.length * pairs) console.log(head(plan, runs[0]!.figures))
    for (const line of rows(plan, what, seen)) console.log(line)
  }
  return runs
}

/** @returns the file */
function keep(name: string, args: string[], runs: Run[]): string {
  const [cpu] = cpus()
  const machine = {
    cpus: `${cpus().length} × ${cpu!.model}`,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadAverageAtEnd: loadavg(),
  }
  const at = new Date().toISOString()
  const file = join(OUTPUT, `${name}-${at.replaceAll(/[:.]/g, '-')}.json`)
  mkdirSync(OUTPUT, { recursive: true })
  writeFileSync(file, JSON.stringify({ name, args, at, machine, runs }, null, 2))
  return file
}

process.exitCode = await main(process.argv.slice(2))
