import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { type Config, loadConfig } from '#gateway/config.ts'
import { readTree } from '#gateway/config-file.ts'
import { configSchema } from '#gateway/config-schema.ts'
import { walk } from '#gateway/config-walk.ts'
import {
  BASE,
  configOf,
  edit,
  load,
  MACHINE,
  problemsOf,
  TWO_CLUSTERS,
  warningsOf,
  writeConfig,
} from '#test/gateway/config-fixture.ts'

const EXAMPLE = 'docs/sluice.example.yaml'
const MIB = 2 ** 20

describe('a configuration is fully resolved', () => {
  test('from the smallest file, with the defaults of the design', () => {
    const expected: Config = {
      version: 1,
      clusterId: 'test',
      node: { id: 'host-1', workers: 2 },
      listeners: [
        {
          name: 'public',
          bind: { host: '127.0.0.1', port: 9092 },
          proxyProtocol: 'off',
          advertised: { mode: 'shared', host: '127.0.0.1', port: 9092, perCluster: true },
        },
      ],
      clusters: [
        {
          name: 'eu',
          id: 942,
          bootstrapServers: [{ host: 'k1', port: 9092 }],
          portOffset: 0,
          clientId: 'sluice',
          autoCreateTopics: false,
          window: {
            linger: 'auto',
            maxBytes: MIB,
            maxPartitions: 256,
            lanes: 24,
            inFlightBytes: 64 * MIB,
            submissionsPerSecond: 0,
          },
        },
      ],
      routes: [{ match: 'default', cluster: 'eu' }],
      fleet: undefined,
      refresh: { interval: 10_000 },
      admin: { bind: { host: '127.0.0.1', port: 9090 }, auth: undefined, allowedOrigins: [] },
      health: { bind: { host: '0.0.0.0', port: 9091 } },
      limits: {
        memory: 512 * MIB,
        maxFrameBytes: 16 * MIB,
        firstFrameBytes: 65_536,
        largeFrames: 8,
        maxConnections: 10_000,
        maxConnectionsPerAddress: 0,
        maxAckWait: 20_000,
        connectionMaxAge: 3_600_000,
        pipelined: 128,
        pipelinedBytes: 8 * MIB,
        firstRequestTimeout: 10_000,
        frameTimeout: 30_000,
        idleTimeout: 600_000,
        outputBytes: MIB,
        writeTimeout: 30_000,
        keepAlive: 60_000,
        unknownTopicsPerSecond: 50,
      },
      drain: { delay: 5_000, timeout: 25_000 },
      log: { level: 'info', format: 'json' },
    }
    assert.deepEqual(configOf(BASE), expected)
  })

  test('from the example, without a warning', () => {
    const { config, warnings, problems } = loadConfig({ file: EXAMPLE, env: {}, machine: MACHINE })
    assert.equal(problems, undefined)
    assert.deepEqual(warnings, [])
    assert.deepEqual(config!.routes, [
      { match: { prefix: 'orders.' }, cluster: 'eu' },
      { match: { topic: 'audit' }, cluster: 'us' },
      { match: 'default', cluster: 'eu' },
    ])
    assert.deepEqual(
      config!.clusters.map(({ name, id, portOffset }) => [name, id, portOffset]),
      [
        ['eu', 942, 1],
        ['us', 259, 2],
      ],
    )
    assert.deepEqual(config!.fleet!.redis, {
      url: 'redis://127.0.0.1:6379/0',
      passwordFile: '/run/secrets/redis',
      keyPrefix: 'sluice:',
    })
    assert.deepEqual(config!.node, { id: 'gw-1', zone: 'a', workers: 2 })
  })

  test('a log on a terminal is pretty, unless told otherwise', () => {
    const machine = { ...MACHINE, terminal: true }
    assert.equal(configOf(BASE, { machine }).log.format, 'pretty')
    assert.equal(configOf(`${BASE}log: { format: json }\n`, { machine }).log.format, 'json')
  })

  test('durations are milliseconds, sizes bytes', () => {
    const window = 'window: { linger: 5ms, maxBytes: 65536B, inFlightBytes: 1GiB }'
    const { linger, maxBytes, inFlightBytes } = configOf(edit(BASE, 'name: eu', `name: eu\n    ${window}`))
      .clusters[0]!.window
    assert.deepEqual([linger, maxBytes, inFlightBytes], [5, 65_536, 2 ** 30])
    const { refresh, drain } = configOf(
      `${BASE}refresh: { interval: 2m }\ndrain: { delay: 0ms, timeout: 1h }\n`,
    )
    assert.deepEqual([refresh.interval, drain.delay, drain.timeout], [120_000, 0, 3_600_000])
  })

  test('addresses of IPv6 lose their brackets', () => {
    const text = edit(BASE, 'k1:9092', '"[2001:db8::1]:9093"').replace('127.0.0.1:9092', '"[::1]:9092"')
    const { listeners, clusters } = configOf(text)
    assert.deepEqual(listeners[0]!.bind, { host: '::1', port: 9092 })
    assert.deepEqual(clusters[0]!.bootstrapServers, [{ host: '2001:db8::1', port: 9093 }])
  })

  test('a relative secret file counts from the folder of the file, or from here in a flag', () => {
    const file = writeConfig(`${BASE}admin: { auth: { tokenFile: token } }\n`)
    const tokenFile = (set: string[]) =>
      (loadConfig({ file, env: {}, set, machine: MACHINE }).config as Config).admin.auth!.tokenFile
    assert.equal(tokenFile([]), `${dirname(file)}/token`)
    assert.equal(tokenFile(['admin.auth.tokenFile=token']), `${process.cwd()}/token`)
  })

  test('an anchor serves several clusters', () => {
    const first = edit(TWO_CLUSTERS, 'portOffset: 1', 'portOffset: 1\n    window: &w { lanes: 3 }')
    const { clusters } = configOf(edit(first, 'portOffset: 2', 'portOffset: 2\n    window: *w'))
    assert.deepEqual(
      clusters.map(({ window }) => window.lanes),
      [3, 3],
    )
  })

  test('a section that is written but empty is the default', () => {
    assert.deepEqual(configOf(`${BASE}fleet:\nlimits:\n  # memory: 1GiB\n`), configOf(BASE))
  })

  test('the walk that finds errors and the schema give the same values', () => {
    for (const text of [BASE, TWO_CLUSTERS, readFileSync(EXAMPLE, 'utf8')]) {
      const { tree } = readTree(writeConfig(text), {})
      const walked = walk(configSchema, tree)
      assert.deepEqual(tree.problems, [])
      assert.deepEqual(walked, configSchema.parse(tree.root))
    }
  })
})

describe('precedence', () => {
  const text = `${BASE}admin: { bind: 127.0.0.1:1001 }\nlog: { level: error }\n`
  const env = { SLUICE_ADMIN__BIND: '127.0.0.1:1002', SLUICE_LOG__LEVEL: 'warn' }
  const port = (sources: Parameters<typeof configOf>[1]) => configOf(text, sources).admin.bind.port

  test('flags go before environment, environment before file, file before defaults', () => {
    assert.equal(configOf(BASE).admin.bind.port, 9090)
    assert.equal(port({}), 1001)
    assert.equal(port({ env }), 1002)
    assert.equal(port({ env, set: ['admin.bind=127.0.0.1:1003'] }), 1003)
  })
  test('a later --set wins, and a flag of its own name over both', () => {
    assert.equal(port({ set: ['admin.bind=127.0.0.1:1', 'admin.bind=127.0.0.1:2'] }), 2)
    const flags = [{ flag: '--log-level', path: 'log.level', value: 'debug' }]
    assert.equal(configOf(text, { env, set: ['log.level=trace'], flags }).log.level, 'debug')
  })
})

describe('environment', () => {
  const withEnv = (env: Record<string, string>) => configOf(TWO_CLUSTERS, { env })

  test('keys are matched whatever their case, lists by index', () => {
    const config = withEnv({
      SLUICE_CLUSTERID: 'other',
      SLUICE_NODE__WORKERS: '3',
      SLUICE_LIMITS__MAXACKWAIT: '5s',
      SLUICE_CLUSTERS__1__WINDOW__LINGER: '7ms',
      SLUICE_clusters__1__autoCreateTopics: 'true',
      SLUICE_CLUSTERS__0__BOOTSTRAPSERVERS: 'a:1, b:2',
      SLUICE_CLUSTERS__1__BOOTSTRAPSERVERS__1: 'k3:9092',
      SLUICE_ROUTES__1__MATCH__TOPIC: '2024',
    })
    assert.equal(config.clusterId, 'other')
    assert.equal(config.node.workers, 3)
    assert.equal(config.limits.maxAckWait, 5_000)
    assert.equal(config.clusters[1]!.window.linger, 7)
    assert.equal(config.clusters[1]!.autoCreateTopics, true)
    assert.deepEqual(
      config.clusters.map(({ bootstrapServers }) => bootstrapServers.map(({ host }) => host)),
      [
        ['a', 'b'],
        ['k2', 'k3'],
      ],
    )
    assert.deepEqual(config.routes[1]!.match, { topic: '2024' })
  })
  test('everything can come from the environment', () => {
    const env = {
      SLUICE_CLUSTERID: 'env',
      SLUICE_LISTENERS__0__NAME: 'public',
      SLUICE_LISTENERS__0__BIND: '127.0.0.1:0',
      SLUICE_CLUSTERS__10__NAME: 'k10',
      SLUICE_CLUSTERS: '[{ name: eu, bootstrapServers: [k1:9092] }]',
      SLUICE_ROUTES: '[{ match: default, cluster: eu }]',
    }
    const { SLUICE_CLUSTERS__10__NAME: _, ...complete } = env
    const { config } = loadConfig({ env: complete, machine: MACHINE })
    assert.equal(config?.clusters[0]?.name, 'eu')
    assert.deepEqual(loadConfig({ env, machine: MACHINE }).problems, [
      {
        where: { variable: 'SLUICE_CLUSTERS__10__NAME' },
        path: 'clusters[10].name',
        text: 'leaves a gap: the next index is 1',
      },
    ])
  })
  test('an empty variable, a version and what Kubernetes sets are not settings', () => {
    const env = {
      SLUICE_LOG__LEVEL: '',
      SLUICE_VERSION: '7',
      SLUICE_PORT: 'tcp://10.0.0.1:9092',
      SLUICE_PORT_9092_TCP_PROTO: 'tcp',
      SLUICE_SERVICE_PORT_KAFKA: '9092',
    }
    assert.deepEqual(configOf(BASE, { env }), configOf(BASE))
    assert.deepEqual(warningsOf(BASE, { env }), [])
  })
  test('errors name the variable', () => {
    const env = { SLUICE_ADMIN__BIND: 'nowhere', SLUICE_ADMIN__BINDD: 'x', SLUICE_CLUSTERS__X__NAME: 'x' }
    assert.deepEqual(problemsOf(BASE, { env }), [
      'SLUICE_ADMIN__BINDD: is not a setting; did you mean "SLUICE_ADMIN__BIND"?',
      'SLUICE_CLUSTERS__X__NAME: is not a setting; X must be an index such as 0',
      'SLUICE_ADMIN__BIND: admin.bind must be host:port with a port from 0 to 65535 ' +
        '(IPv6 as "[::1]:9092"), but is "nowhere"',
    ])
  })
  test('a single name that is nearly a setting is a warning, of a refused configuration too', () => {
    const env = { SLUICE_CLUSTER_ID: 'x', SLUICE_HOME: '/opt' }
    const said = [
      'SLUICE_CLUSTER_ID: is not a setting; did you mean "SLUICE_CLUSTERID"?',
      'SLUICE_HOME: is not a setting',
    ]
    assert.deepEqual(warningsOf(BASE, { env }), said)
    assert.deepEqual(warningsOf(edit(BASE, 'clusterId: test\n', ''), { env }), said)
  })
})

describe('flags', () => {
  test('--set reaches lists in both ways of writing, makes sections, and takes them away', () => {
    const set = ['clusters[0].portOffset=4', 'clusters.0.window.lanes=2', 'fleet.redis.url=redis://r:6379']
    const config = configOf(BASE, { set })
    assert.deepEqual([config.clusters[0]!.portOffset, config.clusters[0]!.window.lanes], [4, 2])
    assert.equal(config.fleet!.redis.url, 'redis://r:6379')
    const text = `${BASE}fleet: { redis: { url: redis://r:6379 } }\n`
    assert.equal(configOf(text, { set: ['fleet=null'] }).fleet, undefined)
    assert.equal(
      configOf(text, { set: ['fleet={redis: {url: "redis://other:1"}}'] }).fleet!.redis.url,
      'redis://other:1',
    )
  })
  test('errors name the flag', () => {
    const set = ['admin.bnd=x', 'limits.memory=lots', 'clusterId', 'log.level.x=1', 'routes[4].cluster=eu']
    const flags = [{ flag: '--log-format', path: 'log.format', value: 'jso' }]
    assert.deepEqual(problemsOf(BASE, { set, flags }), [
      '--set clusterId: must be KEY=VALUE',
      '--set routes[4].cluster: routes[4].cluster leaves a gap: the next index is 1',
      '--set admin.bnd: admin.bnd is not a known key; did you mean "bind"?',
      '--set limits.memory: limits.memory must be a size from 16MiB to 1TiB, but is "lots"',
      '--set log.level.x: log.level must be trace, debug, info, warn or error, but is a mapping',
      '--log-format: log.format must be auto, json or pretty, but is "jso"; did you mean "json"?',
    ])
  })
})

describe('variables in the file', () => {
  const text = edit(BASE, 'clusterId: test', `clusterId: a-\${X}-\${Y}`)

  test('are filled in, into numbers and lists too', () => {
    assert.equal(configOf(text, { env: { X: '1', Y: 'z' } }).clusterId, 'a-1-z')
    const more = edit(BASE, '[k1:9092]', `\${SERVERS}`) + `limits:\n  pipelined: \${N}\n`
    const config = configOf(more, { env: { SERVERS: 'k1:1,k2:2', N: '7' } })
    assert.deepEqual(
      config.clusters[0]!.bootstrapServers.map(({ port }) => port),
      [1, 2],
    )
    assert.equal(config.limits.pipelined, 7)
  })
  test('unset ones are errors, each once', () => {
    assert.deepEqual(problemsOf(text, { env: { Y: '' } }), [
      'f:2:12: clusterId needs the environment variable X, which is not set',
    ])
    assert.deepEqual(problemsOf(edit(BASE, 'clusterId: test', `clusterId: \${1}`)), [
      `f:2:12: clusterId has a "\${" that is not a variable; write \${NAME}, or $\${ for a plain \${`,
    ])
  })
  test('a doubled dollar is a plain one', () => {
    const plain = edit(BASE, 'name: eu', `name: eu\n    clientId: $\${X}`)
    assert.equal(configOf(plain).clusters[0]!.clientId, `\${X}`)
  })
  test('a value that came from a variable is named by its place in the file', () => {
    assert.deepEqual(problemsOf(edit(BASE, 'clusterId: test', `clusterId: \${X}`), { env: { X: 'a b' } }), [
      'f:2:12: clusterId must be 1 to 64 letters, digits, dots, underscores and dashes, but is "a b"',
    ])
  })
})

test('loadConfig never throws for what is in its sources', () => {
  const texts = [
    '',
    '[]',
    '{}',
    'a: &a [*a]',
    '"',
    'version: [',
    '? ? a',
    'clusters: {a: 1}',
    'listeners: [1, null]',
  ]
  for (const text of [...texts, 'routes: [[]]', 'limits: 5', 'node: null', '---\n---\n', '\0', '%YAML 3']) {
    assert.ok(load(text).problems!.length > 0, text)
  }
})
