import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CLOSE_REASONS } from '#gateway/close-reasons.ts'
import { type Limits, limitsSchema } from '#gateway/config-limits.ts'
import { fieldsOf } from '#gateway/config-walk.ts'
import { limitsPage, seriesOf } from '#gateway/limits-docs.ts'
import { PAUSE_REASONS } from '#gateway/pauses.ts'
import { metricsPage } from '#status/metrics-page.ts'
import { clusterSample, nodeSources, stateOf, workerSample } from '#test/status/samples.ts'

test('the page on limits is what the schema says', () => {
  /** The formatter pads tables as it likes. */
  const unpadded = (page: string) => page.replace(/ +/g, ' ').replace(/-{3,}/g, '---')
  assert.equal(unpadded(readFileSync('docs/limits.md', 'utf8')), unpadded(limitsPage()), 'run: npm run docs')
})

test('every limit shows in the metrics, under the names that the page gives', () => {
  const once = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, 1]))
  const sample = workerSample({
    closed: once(CLOSE_REASONS),
    heldBack: { ...once(PAUSE_REASONS), unknown_topic: 1 },
    clusters: { eu: clusterSample({ errorCodes: { 7: 1, 19: 1 } }) },
  })
  const state = stateOf(nodeSources([sample]))
  const stream = { clients: 0, bufferedBytes: 0, framesSkipped: 0, closes: {} }
  const page = metricsPage({ state, sample, stream })
  const printed = page.replaceAll('cluster="eu",', '').split('\n')
  for (const limit of Object.keys(fieldsOf(limitsSchema)) as (keyof Limits)[]) {
    const series = seriesOf(limit)
    assert.ok(series.length > 0, limit)
    for (const name of series) {
      assert.ok(
        printed.some((line) => line.startsWith(`${name} `)),
        `${limit}: no ${name} in\n${page}`,
      )
    }
  }
})

test('every reason that a connection is closed for is a limit, or explained on the page', () => {
  const page = limitsPage()
  for (const reason of [...Object.keys(CLOSE_REASONS), ...Object.keys(PAUSE_REASONS)]) {
    assert.ok(page.includes(`\n| \`${reason}\` |`), reason)
  }
})
