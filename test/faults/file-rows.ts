import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { Row } from '#test/faults/row.ts'
import { run } from '#test/support/processes.ts'

/** The end-to-end tests that hold a row. */
const FILES: Record<string, string[]> = {
  '2': ['drain'],
  '13': ['bad-input-repeats'],
  '19': ['bad-input'],
  '20': ['bad-input'],
  '21': ['bad-input', 'handshake'],
  '23': ['bad-input-repeats'],
  '24': ['limits', 'limits-load'],
  '25': ['limits'],
  '35': ['handshake'],
  '36': ['bad-input'],
}

/** Rows that tests elsewhere hold. */
export const FILE_ROWS: Row<void>[] = Object.entries(FILES).map(([number, names]) => ({
  number,
  name: `test/end-to-end: ${names.join(', ')}`,
  run: () => runTests(names),
}))

async function runTests(names: string[]): Promise<string> {
  const files = names.map((name) => fileURLToPath(new URL(`../end-to-end/${name}.test.ts`, import.meta.url)))
  const output = await run(process.execPath, [
    '--test',
    '--test-reporter=tap',
    '--test-concurrency=1',
    ...files,
  ])
  const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)![1])
  assert.ok(count('pass') > 0 && count('pass') === count('tests'), output)
  return `${count('pass')} tests of ${names.join(', ')} pass`
}
