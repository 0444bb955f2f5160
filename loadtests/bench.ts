import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { cell, type Figures, interleaved, ratio } from './pairs.ts'

/**
 * `npm run bench -- NAME [--pairs 5] [--only TEXT]`: runs every variant of every case in interleaved pairs
 * and prints medians, spreads and ratios as a Markdown table.
 *
 * A bench is a program that prints its plan, then answers each line `{what, variant, repeat}` with its figures.
 */
const BENCHES: Record<string, string> = { windows: 'test/bench/windows.ts' }

interface Plan {
  cases: string[]
  variants: string[]
  /** What the others are compared with, and by which figure. */
  baseline: string
  ratio: string
}

async function main(args: string[]): Promise<number> {
  const options = { pairs: { type: 'string', default: '5' }, only: { type: 'string', default: '' } } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const file = BENCHES[positionals[0] ?? '']
  if (!file) {
    console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')} [--pairs 5] [--only TEXT]`)
    return 2
  }
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const read = async <T>(): Promise<T> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${file} ended before it answered`)
    return JSON.parse(value) as T
  }
  const plan = await read<Plan>()
  const ask = (request: object): Promise<Figures> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    return read<Figures>()
  }
  await measureAll(plan, Number(values.pairs), values.only, ask)
  child.stdin.end()
  await gone
  console.log(`\n\`npm run bench -- ${args.join(' ')}\``)
  return 0
}

async function measureAll(
  plan: Plan,
  pairs: number,
  only: string,
  ask: (request: object) => Promise<Figures>,
): Promise<void> {
  let headed = false
  for (const what of plan.cases.filter((name) => name.includes(only))) {
    const seen = new Map<string, Figures[]>(plan.variants.map((variant) => [variant, []]))
    for (const { variant, pair } of interleaved(plan.variants, pairs)) {
      seen.get(variant)!.push(await ask({ what, variant, repeat: pair + 1 }))
    }
    if (!headed) console.log(head(plan, Object.keys(seen.get(plan.baseline)![0]!)))
    headed = true
    for (const line of rows(plan, what, seen)) console.log(line)
  }
}

function head({ ratio: figure, baseline }: Plan, figures: string[]): string {
  const names = ['load', 'variant', ...figures, `${figure} × ${baseline}`]
  return `| ${names.join(' | ')} |\n|${names.map(() => '---|').join('')}`
}

function* rows(plan: Plan, what: string, seen: ReadonlyMap<string, Figures[]>): Generator<string> {
  const base = seen.get(plan.baseline)!.map((figures) => figures[plan.ratio]!)
  for (const [variant, runs] of seen) {
    const cells = Object.keys(runs[0]!).map((name) => cell(runs.map((figures) => figures[name]!)))
    const compared = ratio(
      runs.map((figures) => figures[plan.ratio]!),
      base,
    )
    yield `| ${[what, variant, ...cells, compared].join(' | ')} |`
  }
}

process.exitCode = await main(process.argv.slice(2))
