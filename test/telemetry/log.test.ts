import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '#telemetry/log.ts'
import { Repeats } from '#telemetry/repeats.ts'

function logged(format: 'json' | 'pretty', level = 'info') {
  const lines: string[] = []
  return { log: createLog({ level, format, node: 'gw-1' }, (line) => lines.push(line)), lines }
}

test('a line is one JSON object with its time, level, node and text', () => {
  const { log, lines } = logged('json')
  log.warn({ clientId: 'app', reason: 'bad_frame' }, 'closed')
  const { ts, ...rest } = JSON.parse(lines[0]!)
  assert.deepEqual(rest, { level: 'warn', node: 'gw-1', clientId: 'app', reason: 'bad_frame', msg: 'closed' })
  assert.ok(Math.abs(Date.parse(ts) - Date.now()) < 60_000)
})

test('for a terminal it is a sentence', () => {
  const { log, lines } = logged('pretty')
  log.info({ port: 9092 }, 'serving')
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} info {2}serving port=9092\n$/)
})

test('a level that is not wanted prints nothing', () => {
  const { log, lines } = logged('json', 'warn')
  log.info('serving')
  assert.deepEqual(lines, [])
})

test('a warning that is repeated is printed ten times, another one still is', () => {
  const { log, lines } = logged('json')
  for (let i = 0; i < 1000; i++) log.warn({ i }, 'the same')
  log.warn('another')
  for (let i = 0; i < 20; i++) log.info('not sampled')
  assert.equal(lines.filter((line) => line.includes('the same')).length, 10)
  assert.equal(lines.filter((line) => line.includes('another')).length, 1)
  assert.equal(lines.filter((line) => line.includes('not sampled')).length, 20)
})

test('whoever asks for debug lines gets all of them', () => {
  const { log, lines } = logged('json', 'debug')
  for (let i = 0; i < 1000; i++) log.warn('the same')
  assert.equal(lines.length, 1000)
})

test('what was left out is counted, by text and not without bound', () => {
  const repeats = new Repeats(60_000)
  for (let i = 0; i < 15; i++) repeats.admits('one')
  assert.deepEqual(repeats.takeLeftOut(), [['one', 5]])
  assert.deepEqual(repeats.takeLeftOut(), [])
  for (let i = 0; i < 1000; i++) repeats.admits(`text ${i}`)
  const [[text, count] = ['?', 0], ...more] = repeats.takeLeftOut()
  assert.deepEqual([text, more], ['', []])
  assert.equal(count, 1000 - 199 - 10)
})

test('a new period begins anew', async () => {
  const repeats = new Repeats(20)
  for (let i = 0; i < 15; i++) repeats.admits('one')
  await new Promise((resolve) => setTimeout(resolve, 40))
  assert.ok(repeats.admits('one'))
})
