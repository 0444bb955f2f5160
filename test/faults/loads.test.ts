import { test } from 'node:test'
import { LOAD_ROWS } from '#test/faults/load-rows.ts'

for (const { number, name, run } of LOAD_ROWS) {
  test(`row ${number}: ${name}`, async (t) => t.diagnostic(await run()))
}
