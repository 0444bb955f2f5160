import { parseArgs } from 'node:util'
import { simulate } from '#test/simulation/run.ts'
import { SCENARIOS } from '#test/simulation/scenarios.ts'

/**
 * Runs the engine through simulated clusters, networks and clients.
 *
 *   node test/simulation/simulate.ts --seeds 1000 [--from 0] [--failures 20: stop after so many]
 *   node test/simulation/simulate.ts --seed 17 --trace
 *   node test/simulation/simulate.ts --scenario NAME|all
 */
function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '0' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      failures: { type: 'string', default: '20' },
      scenario: { type: 'string' },
    },
  })
  if (values.seed !== undefined) return one(Number(values.seed), values.trace)
  if (values.scenario !== undefined) return scenarios(values.scenario)
  return many(Number(values.from), Number(values.seeds), Number(values.failures))
}

function scenarios(name: string): number {
  let failed = 0
  for (const scenario of SCENARIOS) {
    if (name !== 'all' && name !== scenario.name) continue
    const { missing, seen } = scenario.run()
    console.log(
      `${missing ? 'FAILS' : 'holds'}  ${scenario.name}: ${scenario.must}\n       ${missing ?? seen}`,
    )
    if (missing) failed++
  }
  return failed === 0 ? 0 : 1
}

function one(seed: number, trace: boolean): number {
  const result = simulate(seed, trace ? (line) => console.log(line) : null)
  const { violation, events, simulatedMs, submissions, batches } = result
  console.log(
    `${events} events, ${(simulatedMs / 1000).toFixed(1)} s, ${submissions} submissions, ${batches} batches`,
  )
  console.log(violation ? `seed ${seed}: ${violation}` : `seed ${seed}: every rule held`)
  return violation ? 1 : 0
}

function many(from: number, count: number, most: number): number {
  const began = performance.now()
  let failed = 0
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = simulate(seed)
    if (violation === null) continue
    failed++
    console.log(`seed ${seed}: ${violation.split('\n')[0]}`)
    console.log(`    node test/simulation/simulate.ts --seed ${seed} --trace`)
    if (failed === most) break
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(
    `${count} seeds from ${from}: ${failed === 0 ? 'all rules held' : `${failed} failed`}, ${seconds} s`,
  )
  return failed === 0 ? 0 : 1
}

process.exitCode = main()
