import { test } from 'node:test'
import { CHURN_ROW } from '#test/faults/churn-row.ts'

const { number, name, run } = CHURN_ROW
test(`row ${number}: ${name}`, async (t) => t.diagnostic(await run()))
