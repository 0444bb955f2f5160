import assert from 'node:assert/strict'
import { test } from 'node:test'
import { edit, problemsOf, TWO_CLUSTERS } from '#test/gateway/config-fixture.ts'

const LISTENER = '{ name: public, bind: 127.0.0.1:9092 }'

test('an empty value is none: an address that cannot be advertised is not accepted for it', () => {
  const of = (advertised: string) =>
    problemsOf(edit(TWO_CLUSTERS, LISTENER, `{ name: public, bind: 0.0.0.0:9092${advertised} }`))
  assert.match(of(', advertised: { host: }').join('\n'), /advertised\.host/)
})

test('an empty portOffset is missing', () => {
  const problems = problemsOf(edit(TWO_CLUSTERS, 'portOffset: 2', 'portOffset:'))
  assert.match(problems.join('\n'), /clusters\[1\]\.portOffset/)
  assert.deepEqual(problems.length, 1)
})
