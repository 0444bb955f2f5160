import assert from 'node:assert/strict'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { formatProblem, loadConfig } from '#gateway/config.ts'
import { BASE, edit, problemsOf } from '#test/gateway/config-fixture.ts'

const NAME = 'of 1 to 249 letters, digits, dots, underscores and dashes'
const CLUSTER_ID = 'clusterId is missing: it must be 1 to 64 letters, digits, dots, underscores and dashes'
const LINGER = 'clusters[0].window.linger must be auto or a duration from 0ms to 1s'
const BIND = 'listeners[0].bind must be host:port with a port from 0 to 65535 (IPv6 as "[::1]:9092")'
const TOPIC = `routes[0].match.topic must be a topic name ${NAME}`
const PREFIX = `routes[0].match.prefix must be the beginning of a topic name, without wildcards, ${NAME}`
const MATCH = 'routes[0].match must be default, { topic: NAME } or { prefix: TEXT }'
const ROOT =
  'must be a mapping with the keys version, clusterId, node, listeners, clusters, routes, fleet, refresh, ' +
  'admin, health, limits, drain, log'

/** What stands in BASE, what stands there instead, and all that must be said about it. */
type Case = [from: string, to: string, ...said: string[]]

function refuses(name: string, ...cases: Case[]): void {
  test(name, () => {
    for (const [from, to, ...said] of cases) assert.deepEqual(problemsOf(edit(BASE, from, to)), said)
  })
}

/** A further line of the first cluster (line 7, column 5), and a further line at the end (line 10). */
const inCluster = (line: string): [string, string] => ['name: eu', `name: eu\n    ${line}`]
const atEnd = (line: string): [string, string] => ['cluster: eu }\n', `cluster: eu }\n${line}\n`]
const match = (value: string): [string, string] => ['match: default', `match: ${value}`]

describe('keys', () => {
  refuses(
    'an unknown key is an error where it stands, with the nearest known one',
    ['clusterId', 'clustrId', `f:1:1: ${CLUSTER_ID}`, hinted('f:2:1: clustrId', 'clusterId')],
    [...inCluster('windw: {}'), hinted('f:7:5: clusters[0].windw', 'window')],
    [...atEnd('lgo: {}'), hinted('f:10:1: lgo', 'log')],
    [...match('{ perfix: a }'), hinted('f:9:16: routes[0].match.perfix', 'prefix')],
    [
      ...atEnd('fleet: { redis: { url: redis://r, password: x } }'),
      hinted('f:10:35: fleet.redis.password', 'passwordFile'),
    ],
  )
  refuses('an unknown key that resembles none gets the list of those that are known', [
    ...atEnd('health: { colour: red }'),
    'f:10:11: health.colour is not a known key; known here: bind',
  ])
  refuses('names of object properties are no keys', [
    ...match('{ constructor: a }'),
    'f:9:16: routes[0].match.constructor is not a known key; known here: topic, prefix',
  ])
  refuses(
    'tls and sasl are known, and refused until they work',
    [
      ...inCluster('tls: {}\n    sasl: { mechanism: PLAIN }'),
      'f:7:5: clusters[0].tls is not in this release',
      'f:8:5: clusters[0].sasl is not in this release',
    ],
    [
      'bind:',
      'tls: { cert: x }, sasl: {}, bind:',
      'f:4:21: listeners[0].tls is not in this release',
      'f:4:39: listeners[0].sasl is not in this release',
    ],
  )
  refuses('a match has one condition', [
    ...match('{ prefix: a, topic: b }'),
    'f:9:16: routes[0].match.prefix cannot stand beside topic',
  ])
  refuses(
    'what is missing is reported where it should stand',
    ['version: 1\n', '', 'f:1:1: version is missing: it must be 1'],
    ['clusterId: test', 'clusterId:', `f:2:1: ${CLUSTER_ID}`],
    ['name: public, ', '', `f:4:5: listeners[0].name is missing: it must be a name ${NAME}`],
    ['{ match: default, cluster: eu }', '{ match: default }', missing('f:9:5: routes[0].cluster')],
    [...atEnd('fleet: {}'), 'f:10:8: fleet.redis is missing: it must be a mapping'],
  )
})

describe('values', () => {
  refuses(
    'a value says what it must be and what it is',
    ['version: 1', 'version: 2', 'f:1:10: version must be 1, but is 2'],
    [...inCluster('window: { linger: 5 }'), `f:7:23: ${LINGER}, but is 5`],
    [...inCluster('window: { linger: 2s }'), `f:7:23: ${LINGER}, but is "2s"`],
    ['127.0.0.1:9092', '127.0.0.1', `f:4:27: ${BIND}, but is "127.0.0.1"`],
    ['127.0.0.1:9092', '9092', `f:4:27: ${BIND}, but is 9092`],
    ['127.0.0.1:9092', '"a b:9092"', `f:4:27: ${BIND}, but is "a b:9092"`],
    ['127.0.0.1:9092', '"[fe80]:9092"', `f:4:27: ${BIND}, but is "[fe80]:9092"`],
  )
  refuses(
    'a word that is nearly right gets a suggestion',
    [...inCluster('window: { linger: aut }'), `f:7:23: ${LINGER}, but is "aut"; did you mean "auto"?`],
    [...match('defalt'), `f:9:14: ${MATCH}, but is "defalt"; did you mean "default"?`],
    [
      ...atEnd('log: { level: wran, format: xml }'),
      'f:10:15: log.level must be trace, debug, info, warn or error, but is "wran"; did you mean "warn"?',
      'f:10:29: log.format must be auto, json or pretty, but is "xml"',
    ],
  )
  refuses(
    'quotes too many or too few are recognised',
    [...match('{ topic: 2024 }'), `f:9:23: ${TOPIC}, but is 2024; put it in quotes: "2024"`],
    [
      ...atEnd('limits: { pipelined: "8" }'),
      'f:10:22: limits.pipelined must be a whole number from 1 to 10000, but is "8"; write it without quotes',
    ],
  )
  refuses(
    'ranges',
    [
      ...atEnd('limits: { maxFrameBytes: 101MiB, memory: 1MiB, idleTimeout: 0s }'),
      'f:10:26: limits.maxFrameBytes must be a size from 64KiB to 100MiB, but is "101MiB"',
      'f:10:42: limits.memory must be a size from 16MiB to 1TiB, but is "1MiB"',
      'f:10:61: limits.idleTimeout must be a duration from 1s to 7d, but is "0s"',
    ],
    [
      ...inCluster('window: { maxBytes: 17MiB, lanes: 0 }'),
      'f:7:25: clusters[0].window.maxBytes must be a size from 64KiB to 16MiB, but is "17MiB"',
      'f:7:39: clusters[0].window.lanes must be a whole number from 1 to 10000, but is 0',
    ],
  )
  refuses(
    'topic names and prefixes follow the rules of Kafka',
    [...match('{ topic: ".." }'), `f:9:23: ${TOPIC}, but is ".."`],
    [...match('{ topic: "a b" }'), `f:9:23: ${TOPIC}, but is "a b"`],
    [...match(`{ topic: ${'a'.repeat(250)} }`), `f:9:23: ${TOPIC}, but is "${'a'.repeat(60)}..."`],
    [...match('{ prefix: orders.* }'), `f:9:24: ${PREFIX}, but is "orders.*"`],
    [...match('{ prefix: "" }'), `f:9:24: ${PREFIX}, but is ""`],
    [...match('{}'), `f:9:14: ${MATCH}, but is empty`],
    ['name: eu', 'name: e/u', `f:6:11: clusters[0].name must be a name ${NAME}, but is "e/u"`],
  )
  refuses(
    'mappings and lists',
    [
      ...atEnd('log: loud\nadmin: [1]'),
      'f:10:6: log must be a mapping with the keys level, format, but is "loud"',
      'f:11:8: admin must be a mapping with the keys bind, auth, allowedOrigins, but is a list',
    ],
    ['- name: eu\n    bootstrapServers: [k1:9092]', '[]', 'f:6:3: clusters must have at least one entry'],
    ['[k1:9092]', '[]', 'f:7:23: clusters[0].bootstrapServers must have at least one entry'],
    ['[k1:9092]', 'k1:9092', 'f:7:23: clusters[0].bootstrapServers must be a list, but is "k1:9092"'],
    ['- { match: default, cluster: eu }', '[]', 'f:9:3: routes must have at least one entry'],
  )
  refuses('an upstream client id that may write to internal topics is refused', [
    ...inCluster('clientId: __admin_client'),
    'f:7:15: clusters[0].clientId must be 1 to 249 ASCII characters, and not __admin_client, ' +
      'but is "__admin_client"',
  ])
  test('each wrong entry of a list has its own place', () => {
    const server = 'must be host:port with a port from 1 to 65535 (IPv6 as "[::1]:9092")'
    const text = edit(BASE, '[k1:9092]', '[k1, "k2:99999", "k3:0", "[::1]:9092"]')
    assert.deepEqual(problemsOf(text), [
      `f:7:24: clusters[0].bootstrapServers[0] ${server}, but is "k1"`,
      `f:7:28: clusters[0].bootstrapServers[1] ${server}, but is "k2:99999"`,
      `f:7:40: clusters[0].bootstrapServers[2] ${server}, but is "k3:0"`,
    ])
  })
})

describe('yaml', () => {
  refuses(
    'syntax errors have a place and stand alone',
    ['clusterId: test', 'clusterId: "test', 'f:10:1: missing closing "quote'],
    [
      'bind: 127.0.0.1:9092',
      'bind: [::1]:9092',
      'f:4:32: missing , between flow map items; put an IPv6 address in quotes: "[::1]:9092"',
    ],
    [
      'bind: 127.0.0.1:9092',
      `bind: \${BIND}`,
      `f:4:28: unexpected flow-map-start at node end; between { } and [ ], put "\${NAME}" in quotes`,
    ],
  )
  refuses('a key given twice is an error beside the others', [
    'clusterId: test',
    'clusterId: test\nclusterId: other\nlgo: {}',
    'f:3:1: clusterId stands here for the second time',
    hinted('f:4:1: lgo', 'log'),
  ])
  refuses(
    'tags, odd keys and broken aliases are errors, endless ones too',
    ['clusterId: test', 'clusterId: !!js x', 'f:2:12: unresolved tag: tag:yaml.org,2002:js'],
    ['clusterId: test', '? [a]\n: 1', `f:1:1: ${CLUSTER_ID}`, 'f:2:3: has a key that is not a plain word'],
    ['test', '*name', 'f:2:12: clusterId points to &name, which does not exist before it'],
    ['test', '&a [*a, *a]', 'f:2:16: clusterId[0][0][0] is nested too deep'],
  )
  test('a bomb of aliases ends at a limit', () => {
    const nine = (name: string) => `[${Array(9).fill(`*${name}`).join(', ')}]`
    const lines = ['b', 'c', 'd', 'e', 'f', 'g'].map((name, i) => `x${name}: &${name} ${nine('abcdefg'[i]!)}`)
    const problems = problemsOf(`xa: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n${lines.join('\n')}\n`)
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, /^f:\d+:\d+: x\w\S* has more than 100000 values$/)
  })
  test('an empty file lacks everything that has no default', () => {
    const missing = problemsOf('').map((problem) => problem.split(' is missing')[0])
    assert.deepEqual(missing, [
      'f:1:1: version',
      'f:1:1: clusterId',
      'f:1:1: listeners',
      'f:1:1: clusters',
      'f:1:1: routes',
    ])
  })
  test('a file that is no mapping', () => {
    assert.deepEqual(problemsOf('- 1\n'), [`f:1:1: ${ROOT}, but is a list`])
    assert.deepEqual(problemsOf('hello'), [`f:1:1: ${ROOT}, but is "hello"`])
  })
  test('lines end as they like', () => {
    const text = edit(BASE, 'clusterId: test', 'clustrId: test').replaceAll('\n', '\r\n')
    assert.equal(problemsOf(text)[1], hinted('f:2:1: clustrId', 'clusterId'))
  })
})

test('all errors come at once, in the order of the file, those of checks between values among them', () => {
  const text = `version: 2
clusterId: test
listeners:
  - { name: public, bind: 0.0.0.0:9092 }
clusters:
  - { name: eu, portOffset: 1, bootstrapServers: [k1:9092] }
  - { name: eu, portOffset: 1, bootstrapServers: [k2] }
routes:
  - { match: default, cluster: us }
drain: { delay: 30s }
log: { levle: info }
`
  const places = problemsOf(text).map((problem) => problem.split(' ').slice(0, 2).join(' '))
  assert.deepEqual(places, [
    'f:1:10: version',
    'f:4:5: listeners[0].advertised.host',
    'f:7:13: clusters[1].name',
    'f:7:29: clusters[1].portOffset',
    'f:7:51: clusters[1].bootstrapServers[0]',
    'f:9:32: routes[0].cluster',
    'f:10:17: drain.delay',
    'f:11:8: log.levle',
  ])
})

test('a file that cannot be read is one clear error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
  const absent = join(folder, 'absent.yaml')
  const said = (file: string) => (loadConfig({ file, env: {} }).problems ?? []).map(formatProblem)
  assert.deepEqual(said(absent), [`${absent}: cannot be read: no such file`])
  assert.deepEqual(said(folder), [`${folder}: cannot be read: it is a folder`])
  rmdirSync(folder)
})

test('a problem carries its parts as well as its words', () => {
  const { problems = [] } = loadConfig({ file: '/absent/sluice.yaml', env: {} })
  assert.deepEqual(problems, [
    { where: { file: '/absent/sluice.yaml' }, path: '', text: 'cannot be read: no such file' },
  ])
})

function hinted(place: string, nearest: string): string {
  return `${place} is not a known key; did you mean "${nearest}"?`
}

function missing(place: string): string {
  return `${place} is missing: it must be the name of a cluster`
}
