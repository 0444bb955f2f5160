import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configHash, judge, Refusal, summaryOf } from '#gateway/reload.ts'
import { BASE, configOf, edit, load, loadFine, TWO_CLUSTERS } from '#test/gateway/config-fixture.ts'

const running = configOf(TWO_CLUSTERS)
const changedBy = (text: string) => summaryOf(judge(running, loadFine(text)).changed)

function errorsOf(text: string): readonly string[] {
  try {
    judge(running, load(text))
  } catch (error) {
    assert.ok(error instanceof Refusal)
    return error.errors
  }
  assert.fail('it was not refused')
}

test('the same file again changes nothing', () => {
  assert.deepEqual(changedBy(TWO_CLUSTERS), [])
})

test('what has changed is named, each setting once', () => {
  const more = `limits: { pipelined: 7 }\nrefresh: { interval: 3s }\nlog: { level: debug }\ndrain: { delay: 1s }\n`
  const wanted = ['drain.delay', 'limits.pipelined', 'log.level', 'refresh.interval']
  assert.deepEqual(changedBy(TWO_CLUSTERS + more).toSorted(), wanted)
  assert.deepEqual(changedBy(edit(TWO_CLUSTERS, 'topic: audit', 'topic: audits')), ['routes'])
  const lingering = edit(TWO_CLUSTERS, '[k2:9092]', '[k3:9092]\n    window: { linger: 3ms, lanes: 2 }')
  assert.deepEqual(changedBy(lingering), [
    'clusters[us].bootstrapServers',
    'clusters[us].window.linger',
    'clusters[us].window.lanes',
  ])
})

test('a cluster that comes or goes is one change, whatever its name', () => {
  const renamed = TWO_CLUSTERS.replaceAll(/\bus\b/g, 'a.b-0')
  assert.deepEqual(changedBy(renamed), ['clusters[a.b-0]', 'routes', 'clusters[us]'])
})

test('what needs a restart is named, all of it', () => {
  const moved = edit(TWO_CLUSTERS, 'portOffset: 2', 'portOffset: 3\n    id: 9')
  const more = 'node: { id: x, zone: z }\nadmin: { allowedOrigins: ["http://a"] }\nlimits: { pipelined: 7 }\n'
  const wanted = [
    'admin.allowedOrigins',
    'clusters[us].id',
    'clusters[us].portOffset',
    'node.id',
    'node.zone',
  ]
  assert.deepEqual(
    errorsOf(moved + more).toSorted(),
    wanted.map((setting) => `${setting} has changed, which needs a restart`),
  )
  assert.equal(errorsOf(edit(TWO_CLUSTERS, 'bind: 127.0.0.1:9092', 'bind: 127.0.0.1:9192')).length, 2)
  assert.match(errorsOf(TWO_CLUSTERS + 'fleet: { redis: { url: "redis://h" } }\n')[0]!, /^fleet\.redis\.url /)
  assert.deepEqual(errorsOf(`${TWO_CLUSTERS}log: { format: pretty }\n`), [
    'log.format has changed, which needs a restart',
  ])
})

test('all errors of a bad file are told', () => {
  const errors = errorsOf(edit(TWO_CLUSTERS, 'topic: audit', 'topik: audit') + 'limits: { pipelined: no }\n')
  assert.equal(errors.length, 2)
  assert.match(errors.join('\n'), /did you mean "topic"/)
})

test('workers: auto follows limits.memory at a start only, as long as they fit', () => {
  const auto = configOf(BASE)
  assert.equal(auto.node.workers, 2)
  const smaller = judge(auto, loadFine(`${BASE}limits: { memory: 128MiB }\n`))
  assert.deepEqual([smaller.changed, smaller.config.node.workers], [['limits.memory'], 2])
  assert.throws(() => judge(auto, loadFine(`${BASE}limits: { memory: 64MiB }\n`)), /node.workers has changed/)
})

test('the hash of a configuration is that of the fleet, not of the machine', () => {
  const hash = configHash(running)
  assert.equal(hash, configHash(configOf(`${TWO_CLUSTERS}node: { id: other, workers: 1 }\n`)))
  assert.notEqual(hash, configHash(configOf(edit(TWO_CLUSTERS, 'topic: audit', 'topic: audits'))))
  assert.match(hash, /^[0-9a-f]{12}$/)
})
