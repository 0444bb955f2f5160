import { test } from 'node:test'
import { ANSWER_ROWS } from '#test/faults/answer-rows.ts'

for (const { number, name, run } of ANSWER_ROWS) {
  test(`row ${number}: ${name}`, async (t) => t.diagnostic(await run()))
}
