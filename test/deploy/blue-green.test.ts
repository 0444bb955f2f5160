import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { start, temporaryFolder } from '#test/support/processes.ts'

/** The script against nodes that are played; test/deploy/k6.test.ts has it with real ones under load. */
const SCRIPT = join(import.meta.dirname, '../../infra/operations/blue-green.sh')

type Answer = { status: number; body?: object }

/** @param log of what it was asked @param answer for the n-th time, from 0 @returns its address */
async function node(t: TestContext, log: string[], name: string, answer: (n: number) => Answer) {
  let n = 0
  const server = createServer(({ method, url, headers }, response) => {
    log.push(`${name} ${method} ${url}${headers.authorization ? ` (${headers.authorization})` : ''}`)
    const { status, body = {} } = answer(n++)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function blueGreen(...args: string[]) {
  const script = await start(SCRIPT, args, { input: '' })
  const { code } = await script.exited
  return { code, output: script.output() }
}

const draining: Answer = { status: 200, body: { state: 'draining', drained: false } }
const drained: Answer = { status: 200, body: { state: 'draining', drained: true } }
const ready: Answer = { status: 200, body: { ready: true } }
const QUICK = ['--settle', '0', '--timeout', '2']

test('waits for green, then drains blue, one after the other', async (t) => {
  const log: string[] = []
  const green = await node(t, log, 'green', (n) => (n === 0 ? { status: 503 } : ready))
  const first = await node(t, log, 'first', (n) => (n === 0 ? draining : drained))
  const second = await node(t, log, 'second', () => drained)
  const token = join(temporaryFolder(), 'token')
  writeFileSync(token, 'secret\n')
  const nodes = ['--green', green, '--blue', first, second]
  const { code, output } = await blueGreen(
    '--settle',
    '0',
    '--timeout',
    '60',
    '--token-file',
    token,
    ...nodes,
  )
  assert.equal(code, 0, output)
  assert.deepEqual(log, [
    'green GET /readyz (Bearer secret)',
    'green GET /readyz (Bearer secret)',
    'green GET /readyz (Bearer secret)',
    'first POST /drain (Bearer secret)',
    'first POST /drain (Bearer secret)',
    'second POST /drain (Bearer secret)',
  ])
  assert.doesNotMatch(output, /secret/)
})

test('green never ready: nothing is drained', async (t) => {
  const log: string[] = []
  const green = await node(t, log, 'green', () => ({ status: 503 }))
  const blue = await node(t, log, 'blue', () => drained)
  const { code, output } = await blueGreen(...QUICK, '--green', green, '--blue', blue)
  assert.equal(code, 1)
  assert.match(output, /readyz says 503 after 2 s/)
  assert.match(output, /blue serves as before/)
  assert.ok(log.every((line) => line.startsWith('green')))
})

test('a drain that does not end: the next node is left alone, and the way back is shown', async (t) => {
  const log: string[] = []
  const green = await node(t, log, 'green', () => ready)
  const first = await node(t, log, 'first', () => drained)
  const stuck = await node(t, log, 'stuck', () => draining)
  const last = await node(t, log, 'last', () => drained)
  const { code, output } = await blueGreen(...QUICK, '--green', green, '--blue', first, stuck, last)
  assert.equal(code, 1)
  assert.match(output, new RegExp(`${stuck} is not drained after 2 s`))
  assert.match(output, new RegExp(`curl -X POST ${first}/undrain`))
  assert.match(output, new RegExp(`curl -X POST ${stuck}/undrain`))
  assert.ok(!log.some((line) => line.startsWith('last')))
})

test('a refused token ends it at once', async (t) => {
  const log: string[] = []
  const green = await node(t, log, 'green', () => ready)
  const blue = await node(t, log, 'blue', () => ({ status: 401, body: { error: 'unauthorized' } }))
  const { code, output } = await blueGreen(...QUICK, '--green', green, '--blue', blue)
  assert.equal(code, 1)
  assert.match(output, /drain says 401: \{"error":"unauthorized"\}/)
  assert.equal(log.filter((line) => line.startsWith('blue')).length, 1)
})

test('wrong arguments', async () => {
  const cases: [string[], RegExp][] = [
    [[], /no --green node/],
    [['--green', 'http://127.0.0.1:1'], /no --blue node/],
    [['http://127.0.0.1:1'], /neither behind --green nor behind --blue/],
    [['--green', '10.0.0.1:9091'], /'10.0.0.1:9091' is no option and no http address/],
    [['--timeout', 'soon'], /--timeout wants whole seconds, not 'soon'/],
    [['--settle'], /--settle wants a value/],
  ]
  for (const [args, expected] of cases) {
    const { code, output } = await blueGreen(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(output, expected)
  }
})
