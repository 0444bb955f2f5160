import { parseArgs } from 'node:util'
import { parseDuration } from '#gateway/config-values.ts'
import type { Target } from '#test/fuzz/target.ts'
import { batchTarget } from '#test/fuzz/target-batch.ts'
import { framingMemoryTarget, framingTarget } from '#test/fuzz/target-framing.ts'
import { headerTarget, requestTarget, responseTarget } from '#test/fuzz/target-messages.ts'
import {
  produceRequestTarget,
  produceResponseTarget,
  produceWriterTarget,
} from '#test/fuzz/target-produce.ts'
import { proxyTarget } from '#test/fuzz/target-proxy.ts'
import { Random } from '#test/simulation/random.ts'

/**
 * Hostile bytes for everything that reads bytes. A case is made of its seed alone.
 *
 *   node test/fuzz/fuzz.ts [--for 10m]      cases from a seed that nobody chose
 *   SEED=N node test/fuzz/fuzz.ts           that one case
 */
export const targets: readonly Target[] = [
  framingTarget(),
  framingMemoryTarget(),
  headerTarget,
  requestTarget,
  responseTarget,
  produceRequestTarget(),
  produceResponseTarget,
  produceWriterTarget,
  batchTarget(),
  proxyTarget(),
]

const SHOWN_BYTES = 2048

/** @throws Error that names the seed, the target, what it was about and the bytes */
export function fuzzCase(seed: number, among = targets): string {
  const random = new Random(seed)
  const target = choose(among, random)
  const notes: string[] = []
  let bytes: Buffer | null = null
  try {
    target.run(random, (what, about) => {
      notes.push(what)
      if (about) bytes = about
    })
  } catch (error) {
    const hex = (bytes as Buffer | null)?.toString('hex', 0, SHOWN_BYTES)
    const lines = [
      `${target.name}: ${notes.join(', ')}`,
      `bytes: ${hex ?? 'none'}`,
      `again: SEED=${seed} node test/fuzz/fuzz.ts`,
    ]
    throw new Error(`${lines.join('\n')}\n${(error as Error).stack}`, { cause: error })
  }
  return target.name
}

function choose(among: readonly Target[], random: Random): Target {
  const sum = among.reduce((total, { weight }) => total + weight, 0)
  let at = random.next() * sum
  return among.find(({ weight }) => (at -= weight) < 0) ?? among[0]!
}

/**
 * Cases one after the other until the time is over or one fails.
 *
 * @returns cases by target
 */
export function fuzzFor(ms: number, firstSeed: number): Map<string, number> {
  const until = performance.now() + ms
  const cases = new Map<string, number>()
  for (let seed = firstSeed; performance.now() < until; seed++) {
    const name = fuzzCase(seed)
    cases.set(name, (cases.get(name) ?? 0) + 1)
  }
  return cases
}

/** A seed that no run before is likely to have begun with. */
export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 32) * 1000
}

/** `npm run torment -- fuzz`. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { for: { type: 'string', default: '1m' }, seed: { type: 'string' } },
  })
  const seed = values.seed ?? process.env.SEED
  try {
    if (seed !== undefined) {
      console.log(`seed ${seed}: ${fuzzCase(Number(seed))}: nothing found`)
      return 0
    }
    const first = anySeed()
    const cases = fuzzFor(parseDuration(values.for), first)
    const sum = [...cases.values()].reduce((total, count) => total + count, 0)
    console.log(`${sum} cases from seed ${first} in ${values.for}: nothing found`)
    for (const [name, count] of [...cases].toSorted()) console.log(`${String(count).padStart(10)}  ${name}`)
    return 0
  } catch (error) {
    console.error((error as Error).message)
    return 1
  }
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2))
