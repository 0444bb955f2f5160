import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clusterVirtualId } from '#gateway/config-ids.ts'
import {
  BASE,
  configOf,
  edit,
  loadFine,
  problemsOf,
  TWO_CLUSTERS,
  warningsOf,
} from '#test/gateway/config-fixture.ts'

const HOST = 'listeners[0].advertised.host'

/** A text with one piece replaced by another, and all that must be said about it. */
type Case = [text: string, from: string, to: string, ...said: string[]]

function refuses(name: string, ...cases: Case[]): void {
  test(name, () => {
    for (const [text, from, to, ...said] of cases) assert.deepEqual(problemsOf(edit(text, from, to)), said)
  })
}

const bind = (value: string): [string, string, string] => [BASE, '127.0.0.1:9092', value]
const atEnd = (line: string): [string, string, string] => [
  BASE,
  'cluster: eu }\n',
  `cluster: eu }\n${line}\n`,
]
const inCluster = (line: string): [string, string, string] => [BASE, 'name: eu', `name: eu\n    ${line}`]

describe('clusters and routes', () => {
  refuses(
    'names are unique',
    [
      TWO_CLUSTERS,
      'name: us',
      'name: eu',
      'f:10:11: clusters[1].name "eu" is already the name of clusters[0]',
      'f:15:41: routes[1].cluster names the cluster "us", which does not exist; clusters: eu',
    ],
    [
      BASE,
      'clusters:',
      '  - { name: public, bind: 127.0.0.1:9192 }\nclusters:',
      'f:5:13: listeners[1].name "public" is already the name of listeners[0]',
    ],
  )
  refuses(
    'a route names a cluster that exists',
    [
      BASE,
      'default, cluster: eu',
      'default, cluster: ue',
      'f:9:32: routes[0].cluster names the cluster "ue", which does not exist; did you mean "eu"?',
    ],
    [
      BASE,
      'default, cluster: eu',
      'default, cluster: backup',
      'f:9:32: routes[0].cluster names the cluster "backup", which does not exist; clusters: eu',
    ],
  )
  test('two rules that cannot be told apart are an error', () => {
    const rules = [
      '{ topic: a }',
      '{ prefix: a }',
      'default',
      '{ topic: a }',
      '{ prefix: a }',
      '{ prefix: a. }',
    ]
    const lines = rules.map((rule) => `  - { match: ${rule}, cluster: eu }\n`).join('')
    assert.deepEqual(problemsOf(BASE + lines), [
      'f:12:14: routes[3].match says the same as routes[0]: default',
      'f:13:14: routes[4].match says the same as routes[1]: topic a',
      'f:14:14: routes[5].match says the same as routes[2]: prefix a',
    ])
  })
  refuses('a bootstrap server stands once', [
    BASE,
    '[k1:9092]',
    '[k1:9092, k2:9092, k1:9092]',
    'f:7:42: clusters[0].bootstrapServers[2] "k1:9092" stands here already, at index 0',
  ])
  refuses('a budget holds at least one window', [
    ...inCluster('window: { maxBytes: 2MiB, inFlightBytes: 1MiB }'),
    'f:7:46: clusters[0].window.inFlightBytes must be at least maxBytes (2MiB), but is 1MiB',
  ])
})

describe('cluster ids', () => {
  test('the hash of a name is FNV-1a folded into 1..1023 and never changes', () => {
    assert.deepEqual(['', 'a', 'eu', 'us', 'größe'].map(clusterVirtualId), [
      (0x811c9dc5 % 1023) + 1,
      (0xe40c292c % 1023) + 1,
      942,
      259,
      clusterVirtualId('größe'),
    ])
    const ids = Array.from({ length: 5000 }, (_, i) => clusterVirtualId(`cluster-${i}`))
    assert.ok(Math.min(...ids) === 1 && Math.max(...ids) === 1023)
  })
  test('two names with one hash are an error that names `id`, and `id` heals it', () => {
    const twin = Array.from({ length: 20_000 }, (_, i) => `c${i}`).find(
      (name) => clusterVirtualId(name) === clusterVirtualId('eu'),
    )!
    const text = edit(edit(TWO_CLUSTERS, 'name: us', `name: ${twin}`), 'cluster: us', `cluster: ${twin}`)
    assert.deepEqual(problemsOf(text), [
      `f:10:11: clusters[1].name "${twin}" gets the id 942, which clusters[0] "eu" has already; ` +
        'give this cluster an id of its own: `id` from 1 to 1023',
    ])
    const healed = configOf(edit(text, `name: ${twin}`, `name: ${twin}\n    id: 7`))
    assert.deepEqual(
      healed.clusters.map(({ id }) => id),
      [942, 7],
    )
  })
  refuses(
    'a given id clashes with a given or a hashed one',
    [
      TWO_CLUSTERS,
      'name: us',
      'name: us\n    id: 942',
      'f:11:9: clusters[1].id 942 is already the id of clusters[0] "eu"',
    ],
    [
      TWO_CLUSTERS,
      'name: us',
      'name: us\n    id: 1024',
      'f:11:9: clusters[1].id must be a whole number from 1 to 1023, but is 1024',
    ],
  )
})

describe('port offsets', () => {
  test('a single cluster has the bootstrap port, unless it says otherwise', () => {
    assert.equal(configOf(BASE).clusters[0]!.portOffset, 0)
    const other = configOf(edit(BASE, 'name: eu', 'name: eu\n    portOffset: 3'))
    assert.equal(other.clusters[0]!.portOffset, 3)
  })
  test('one of several clusters may have the bootstrap port', () => {
    const config = configOf(edit(TWO_CLUSTERS, 'portOffset: 2', 'portOffset: 0'))
    assert.deepEqual(
      config.clusters.map(({ portOffset }) => portOffset),
      [1, 0],
    )
  })
  refuses(
    'with several clusters each is given and different',
    [
      TWO_CLUSTERS,
      '    portOffset: 2\n',
      '',
      'f:10:5: clusters[1].portOffset is missing: with several clusters each needs a port of its own; ' +
        '2 is free',
    ],
    [
      TWO_CLUSTERS,
      'portOffset: 2',
      'portOffset: 1',
      'f:12:17: clusters[1].portOffset 1 is already the portOffset of clusters[0] "eu"',
    ],
    [
      edit(TWO_CLUSTERS, 'portOffset: 1', 'portOffset: 0'),
      'portOffset: 2',
      'portOffset: 0',
      'f:12:17: clusters[1].portOffset 0 is already the portOffset of clusters[0] "eu"',
    ],
    [
      TWO_CLUSTERS,
      'portOffset: 2',
      'portOffset: 60000',
      'f:12:17: clusters[1].portOffset 60000 leads beyond port 65535: public starts at 9092',
    ],
  )
  test('an advertised port can lead beyond the last port too', () => {
    const advertised = '127.0.0.1:9092, advertised: { port: 65535 }'
    assert.deepEqual(problemsOf(edit(TWO_CLUSTERS, '127.0.0.1:9092', advertised)), [
      'f:8:17: clusters[0].portOffset 1 leads beyond port 65535: public starts at 65535',
      'f:12:17: clusters[1].portOffset 2 leads beyond port 65535: public starts at 65535',
    ])
  })
  test('without ports per cluster none is needed', () => {
    const without = TWO_CLUSTERS.replaceAll(/ {4}portOffset: \d\n/g, '')
    const single = edit(without, '127.0.0.1:9092', '127.0.0.1:9092, advertised: { perCluster: false }')
    assert.equal(configOf(single).clusters.length, 2)
    const mixed = edit(single, 'clusters:', '  - { name: other, bind: 127.0.0.1:9192 }\nclusters:')
    assert.equal(problemsOf(mixed).length, 2)
  })
})

describe('ports', () => {
  refuses(
    'a port is taken once',
    [
      ...atEnd('health: { bind: "127.0.0.1:9090" }'),
      'f:10:17: health.bind takes port 9090, which admin.bind takes too',
    ],
    [
      ...atEnd('health: { bind: "0.0.0.0:9092" }'),
      'f:10:17: health.bind takes port 9092, which listeners[0].bind takes too',
    ],
    [
      TWO_CLUSTERS,
      'cluster: us }\n',
      'cluster: us }\nadmin: { bind: "127.0.0.1:9094" }\n',
      'f:16:16: admin.bind takes port 9094, which listeners[0].bind + portOffset 2 of cluster "us" takes too',
    ],
    [...bind('127.0.0.1:9090'), 'f:4:27: listeners[0].bind takes port 9090, which admin.bind takes too'],
    [
      BASE,
      'clusters:',
      '  - { name: inner, bind: localhost:9091 }\nclusters:',
      'f:5:26: listeners[1].bind takes port 9091, which health.bind takes too',
    ],
    [
      TWO_CLUSTERS,
      'clusters:',
      '  - { name: inner, bind: localhost:9093 }\nclusters:',
      'f:5:26: listeners[1].bind takes port 9093, ' +
        'which listeners[0].bind + portOffset 1 of cluster "eu" takes too',
    ],
  )
  test('the same port on different addresses is fine, 0 always', () => {
    const listeners = ['"[::1]:9092"', '127.0.0.2:9092', '127.0.0.1:0', 'localhost:0']
    const lines = listeners.map((address, i) => `  - { name: l${i}, bind: ${address} }\n`).join('')
    assert.equal(configOf(edit(TWO_CLUSTERS, 'clusters:', `${lines}clusters:`)).listeners.length, 5)
  })
  test('a wildcard of IPv6 takes the port of everybody, that of IPv4 only of IPv4 and of names', () => {
    const clash = (one: string, other: string) => {
      const lines = [one, other].map((host, i) => {
        return `  - { name: l${i}, bind: "${host}:9092", advertised: { host: gw } }\n`
      })
      const text = edit(BASE, '  - { name: public, bind: 127.0.0.1:9092 }\n', lines.join(''))
      return problemsOf(text).length === 1
    }
    assert.ok(clash('[::]', '10.0.0.1'))
    assert.ok(clash('10.0.0.1', '[::]'))
    assert.ok(clash('0.0.0.0', '10.0.0.1'))
    assert.ok(clash('gw-1', '0.0.0.0'))
    assert.ok(clash('localhost', '127.0.0.1'))
    assert.ok(!clash('0.0.0.0', '[::1]'))
    assert.ok(!clash('10.0.0.1', '10.0.0.2'))
  })
})

describe('advertised addresses', () => {
  refuses(
    'clients must be told a name they can reach',
    [
      ...bind('0.0.0.0:9092'),
      `f:4:5: ${HOST} is missing: it must be the name by which clients reach this listener; ` +
        'only a loopback bind may leave it out',
    ],
    [
      ...bind('10.0.0.5:9092, advertised: { port: 9092 }'),
      `f:4:54: ${HOST} is missing: it must be the name by which clients reach this listener; ` +
        'only a loopback bind may leave it out',
    ],
    [
      ...bind('0.0.0.0:9092, advertised: { host: 0.0.0.0 }'),
      `f:4:61: ${HOST} must be an address that clients can connect to, but is "0.0.0.0"`,
    ],
    [
      ...bind('0.0.0.0:9092, advertised: { host: "a b" }'),
      `f:4:61: ${HOST} must be a host name or an IP address, but is "a b"`,
    ],
    [
      ...bind('127.0.0.1:0, advertised: { port: 9 }'),
      'f:4:60: listeners[0].advertised.port must be left out when the port of bind is 0: ' +
        'the port that was bound is advertised',
    ],
  )
  refuses(
    '{node} belongs to per_node mode',
    [
      ...bind('0.0.0.0:9092, advertised: { host: "{node}.x" }'),
      `f:4:61: ${HOST} must not contain {node} in shared mode, but is "{node}.x"; ` +
        'set advertised.mode: per_node',
    ],
    [
      ...bind('0.0.0.0:9092, advertised: { mode: per_node, host: x }'),
      `f:4:77: ${HOST} must contain {node} in per_node mode, but is "x"; such as {node}.gw.example.com`,
    ],
    [
      ...bind('127.0.0.1:9092, advertised: { mode: per_node }'),
      `f:4:55: ${HOST} is missing: per_node mode needs one with {node}, such as {node}.gw.example.com`,
    ],
  )
  test('what is left out comes from the bind', () => {
    const of = (value: string) => configOf(edit(BASE, '127.0.0.1:9092', value)).listeners[0]!.advertised
    const shared = { mode: 'shared', perCluster: true }
    assert.deepEqual(of('localhost:9092'), { ...shared, host: 'localhost', port: 9092 })
    assert.deepEqual(of('"[::1]:0"'), { ...shared, host: '::1', port: 0 })
    assert.deepEqual(of('127.0.0.1:9092, advertised: { port: 0 }'), {
      ...shared,
      host: '127.0.0.1',
      port: 9092,
    })
    assert.deepEqual(of('0.0.0.0:9092, advertised: { mode: per_node, host: "{node}.x", port: 19092 }'), {
      mode: 'per_node',
      perCluster: true,
      host: '{node}.x',
      port: 19092,
    })
  })
})

describe('the other sections', () => {
  refuses(
    'an admin port that others can reach needs auth',
    [
      ...atEnd('admin: { bind: 0.0.0.0:9090 }'),
      'f:10:16: admin.bind is not on loopback, so it needs admin.auth: whoever reaches it can drain ' +
        'the node; set admin.auth.tokenFile, or bind to 127.0.0.1',
    ],
    [
      ...atEnd('admin: { allowedOrigins: ["*"] }'),
      'f:10:27: admin.allowedOrigins[0] must be an origin such as https://ops.example.com, without a path, ' +
        'but is "*"',
    ],
  )
  test('an admin port with auth, or on any loopback address, is fine', () => {
    const admins = [
      '{ bind: 0.0.0.0:9090, auth: { tokenFile: /t } }',
      '{ bind: "[::1]:9090" }',
      '{ bind: 127.8.0.1:0 }',
    ]
    for (const admin of admins) loadFine(`${BASE}admin: ${admin}\n`)
  })
  refuses(
    'drain.delay is part of drain.timeout',
    [
      ...atEnd('drain: { delay: 25s }'),
      'f:10:17: drain.delay must be shorter than drain.timeout, which includes it',
    ],
    [
      ...atEnd('drain: { timeout: 5s }'),
      'f:10:8: drain.delay must be shorter than drain.timeout, which includes it',
    ],
  )
  refuses(
    'limits fit together',
    [
      ...atEnd('limits: { memory: 32MiB }'),
      'f:10:19: limits.memory must be at least 4 × maxFrameBytes (64MiB), but is 32MiB; ' +
        'unfinished frames may hold a quarter of it',
    ],
    [
      ...atEnd('limits: { firstFrameBytes: 32MiB }'),
      'f:10:28: limits.firstFrameBytes must be at most maxFrameBytes (16MiB), but is 32MiB',
    ],
    [
      ...atEnd('node: { workers: 16 }'),
      'f:10:18: node.workers is more than limits.memory allows: 16 workers need 64MiB each ' +
        '(4 × limits.maxFrameBytes), and limits.memory is 512MiB; at most 8 fit',
    ],
  )
})

describe('warnings', () => {
  test('a fine configuration has none', () => {
    assert.deepEqual(warningsOf(BASE), [])
    assert.deepEqual(warningsOf(TWO_CLUSTERS), [])
  })
  test('doubtful, but not wrong', () => {
    assert.deepEqual(warningsOf(edit(TWO_CLUSTERS, 'cluster: us', 'cluster: eu')), [
      'f:10:11: clusters[1].name "us" gets nothing: no route names it',
    ])
    assert.deepEqual(warningsOf(`${BASE}limits: { idleTimeout: 9m, maxConnectionsPerAddress: 5 }\n`), [
      'f:10:24: limits.idleTimeout is below 10m: the gateway hangs up before its clients do, which they log',
      'f:10:54: limits.maxConnectionsPerAddress counts all clients behind a load balancer as one address; ' +
        'set proxyProtocol: required if the load balancer sends it',
    ])
  })
  test('the address of a client is known with the PROXY protocol', () => {
    const text = edit(BASE, 'bind:', 'proxyProtocol: required, bind:')
    assert.deepEqual(warningsOf(`${text}limits: { maxConnectionsPerAddress: 5 }\n`), [])
  })
  test('fewer workers than cores, because of memory', () => {
    const machine = { hostname: 'h', cores: 16, terminal: false }
    assert.equal(configOf(BASE, { machine }).node.workers, 8)
    assert.deepEqual(warningsOf(BASE, { machine }), [
      'f:1:1: node.workers is auto, so 8 for 16 cores: more do not fit into limits.memory 512MiB ' +
        'with limits.maxFrameBytes 16MiB; raise limits.memory',
    ])
  })
})
