import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REGRESSIONS } from '#test/simulation/regressions.ts'
import { simulate } from '#test/simulation/run.ts'

const SEEDS = 1000

function failuresOf(seeds: Iterable<number>): string[] {
  const failures: string[] = []
  for (const seed of seeds) {
    const { violation } = simulate(seed)
    if (violation === null) continue
    failures.push(`seed ${seed}: ${violation}\n  node test/simulation/simulate.ts --seed ${seed} --trace`)
    if (failures.length === 5) break
  }
  return failures
}

test('every rule holds in 1,000 seeds', () => {
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed)
  assert.equal(failuresOf(seeds).join('\n'), '')
})

for (const { name, seed, wrong } of REGRESSIONS) {
  test(`seed ${seed} stays mended: ${name}: ${wrong}`, () => {
    assert.equal(failuresOf([seed]).join('\n'), '')
  })
}

test('a seed gives the same run every time', () => {
  const story = (): string[] => {
    const lines: string[] = []
    simulate(7, (line) => lines.push(line))
    return lines
  }
  const first = story()
  assert.ok(first.length > 100)
  assert.deepEqual(story(), first)
})
