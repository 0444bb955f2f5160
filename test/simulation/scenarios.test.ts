import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCENARIOS } from '#test/simulation/scenarios.ts'

for (const { name, must, run } of SCENARIOS) {
  test(`${name}: ${must}`, () => {
    assert.equal(run().missing, null)
  })
}
