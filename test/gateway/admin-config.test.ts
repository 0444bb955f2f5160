import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BASE, loadFine, problemsOf } from '#test/gateway/config-fixture.ts'

const OPEN = /admin\.bind is not on loopback, so it needs admin\.auth/

/** What keeps `check` and `run` alike from going on. */
function refuses(admin: string, env: Record<string, string> = {}): void {
  const problems = problemsOf(`${BASE}admin: ${admin}\n`, { env })
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0]!, OPEN)
}

test('a port that others can reach is refused without auth, wherever its address comes from', () => {
  for (const bind of ['0.0.0.0:9090', '"[::]:9090"', '10.0.0.1:9090', 'gw-1:9090'])
    refuses(`{ bind: ${bind} }`)
  refuses('{}', { SLUICE_ADMIN__BIND: '0.0.0.0:9090' })
})

test('an auth that is left empty is none', () => {
  refuses('{ bind: 0.0.0.0:9090, auth: }')
  refuses('{ bind: 0.0.0.0:9090, auth: null }')
  loadFine(`${BASE}admin: { bind: 127.0.0.1:9090, auth: }\n`)
})

test('an auth without a file is refused for that alone', () => {
  const [problem, ...others] = problemsOf(`${BASE}admin: { bind: 0.0.0.0:9090, auth: {} }\n`)
  assert.match(problem!, /admin\.auth\.tokenFile/)
  assert.deepEqual(others, [])
})

test('with auth it may be bound anywhere', () => {
  loadFine(`${BASE}admin: { bind: 0.0.0.0:9090, auth: { tokenFile: /t } }\n`)
  loadFine(`${BASE}admin: { bind: 0.0.0.0:9090 }\n`, { env: { SLUICE_ADMIN__AUTH__TOKENFILE: '/t' } })
})
