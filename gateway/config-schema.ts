import { z } from 'zod'
import { MAX_CLUSTER_ID } from '#gateway/config-ids.ts'
import { limitsSchema } from '#gateway/config-limits.ts'
import {
  type Address,
  address,
  choice,
  duration,
  facts,
  integer,
  isHost,
  reserved,
  size,
  text,
  yesNo,
} from '#gateway/config-values.ts'

/** Kafka's rule for topic names; clusters keep it too, as their names stand in metrics and Redis keys. */
const NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/
const NAME_EXPECTS = 'of 1 to 249 letters, digits, dots, underscores and dashes'

const name = () => text(NAME, `a name ${NAME_EXPECTS}`)
const topic = () => text(NAME, `a topic name ${NAME_EXPECTS}`)
const prefix = () =>
  text(/^[a-zA-Z0-9._-]{1,249}$/, `the beginning of a topic name, without wildcards, ${NAME_EXPECTS}`)
const secretFile = () => text(/^[^\0]+$/, 'the path of a file that holds the secret and nothing else')

const advertised = z
  .strictObject({
    mode: choice('shared', 'per_node')
      .prefault('shared')
      .describe(
        '`shared`: the host is one name for all nodes, such as a load balancer. `per_node`: each node ' +
          'has a name of its own, and clients are steered to the node that packs their partitions best.',
      ),
    host: z
      .string()
      .refine((host) => isHost(host.replaceAll('{node}', 'node')))
      .register(facts, { expects: 'a host name or an IP address' })
      .optional()
      .describe(
        'What Metadata tells clients to connect to; must be valid where the clients are. With ' +
          '`per_node` it contains `{node}`, which stands for `node.id`. Only a loopback bind may leave ' +
          'it out (then: its host).',
      ),
    port: integer(0, 65_535)
      .optional()
      .describe('Default: the port of `bind`. 0: the port that was really bound.'),
    perCluster: yesNo()
      .prefault(true)
      .describe(
        'Each cluster gets a virtual broker and a port of its own (`portOffset`). `false`: one broker, ' +
          'one port for everything; then one cluster in trouble can delay the answers of the others.',
      ),
  })
  .prefault({})
  .describe('The address that clients are told.')

const listener = z.strictObject({
  name: name().describe('Unique. Stands in logs and metrics.'),
  bind: address(0).describe(
    'Address and bootstrap port; the clusters have their own ports from here on (`portOffset`). Port ' +
      '0: the system chooses this port and those of the clusters, each on its own.',
  ),
  proxyProtocol: choice('off', 'required')
    .prefault('off')
    .describe(
      '`required`: each connection begins with a PROXY protocol header (v1 or v2), as load balancers send.',
    ),
  advertised,
  tls: reserved(),
  sasl: reserved(),
})

const produceWindow = z
  .strictObject({
    linger: z
      .union([z.literal('auto'), duration('0ms', '1s')])
      .register(facts, { expects: 'auto or a duration from 0ms to 1s', unit: 'duration' })
      .prefault('auto')
      .describe(
        'How long a window stays open for more batches while a lane is free. `auto`: only when more ' +
          'are about to come, 5 ms at most; `0ms`: never; a time: always.',
      ),
    maxBytes: size('64KiB', '16MiB').prefault('1MiB').describe('A window closes at this size.'),
    maxPartitions: integer(1, 10_000).prefault(256).describe('A window closes at this many partitions.'),
    lanes: integer(1, 10_000)
      .prefault(24)
      .describe(
        'Produce connections to each broker, of the whole fleet together. Each worker that has batches ' +
          'for a broker keeps one, whatever the budget: the live status says `overcommitted` then.',
      ),
    inFlightBytes: size('1MiB', '1TiB')
      .prefault('64MiB')
      .describe(
        'Bytes sent to the cluster and not yet answered, of the whole fleet together. The first ' +
          'submission of a worker always fits.',
      ),
    submissionsPerSecond: integer(0, 1_000_000)
      .prefault(0)
      .describe(
        'Produce requests per second to the cluster, of the whole fleet together, retries included; 0 ' +
          'is no limit. Each worker may send one per second, whatever the budget.',
      ),
  })
  .prefault({})
  .describe(
    'How batches are gathered, and how much load the fleet may put on the cluster: `lanes`, ' +
      '`inFlightBytes` and `submissionsPerSecond` are divided among the nodes by demand, and by each node ' +
      'among its workers. Where the nodes are configured differently, the smallest budget counts. A node ' +
      'without `fleet` has it whole.',
  )

const cluster = z.strictObject({
  name: name().describe('Unique. Routes name it; do not rename it lightly: its broker id comes from it.'),
  id: integer(1, MAX_CLUSTER_ID)
    .optional()
    .describe('Part of the virtual broker id. Default: a hash of the name. Clients remember it: keep it.'),
  bootstrapServers: z
    .array(address(1))
    .min(1)
    .describe(
      'Brokers to ask first; the others are found through them. A reload cannot lead to another cluster ' +
        'this way: its cluster id would not fit. Give that one a name of its own.',
    ),
  portOffset: integer(0, 65_535)
    .optional()
    .describe(
      'Added to the port of the listener it gives the port of the cluster, bound and advertised. With ' +
        'several clusters each must be given and different; one of them may be 0, the bootstrap port ' +
        'itself. With one cluster the default is 0. Not used where `perCluster` is `false`. Changing it ' +
        'needs a restart.',
    ),
  clientId: text(
    /^(?!__admin_client$)[\x20-\x7e]{1,249}$/,
    '1 to 249 ASCII characters, and not __admin_client',
  )
    .prefault('sluice')
    .describe(
      'client.id towards the cluster: its quotas and logs go by it. A reload changes it for new connections.',
    ),
  autoCreateTopics: yesNo()
    .prefault(false)
    .describe("Pass the client's wish to create an unknown topic on to the cluster, which may still refuse."),
  window: produceWindow,
  tls: reserved(),
  sasl: reserved(),
})

const route = z.strictObject({
  match: z
    .union([z.literal('default'), z.strictObject({ topic: topic() }), z.strictObject({ prefix: prefix() })])
    .register(facts, { expects: 'default, { topic: NAME } or { prefix: TEXT }' })
    .describe(
      'An exact `topic` goes before a `prefix`, a longer prefix before a shorter one, `default` comes ' +
        'last. The order in the file means nothing. A topic that nothing matches is refused (17 ' +
        'INVALID_TOPIC_EXCEPTION).',
    ),
  cluster: z
    .string()
    .register(facts, { expects: 'the name of a cluster' })
    .describe('Name of one of the `clusters`.'),
})

const redis = z
  .strictObject({
    url: text(
      /^rediss?:\/\/[^\s?#]+$/,
      'redis://HOST:PORT/DB or rediss://HOST:PORT/DB, without query parameters',
    ).describe('A password in it must come from a variable or the environment.'),
    passwordFile: secretFile().optional().describe('File with the password.'),
    keyPrefix: text(/^[\x21-\x7e]{1,64}$/, '1 to 64 ASCII characters without blanks')
      .prefault('sluice:')
      .describe('Begins every key. One Redis may serve several fleets under different prefixes.'),
  })
  .describe('The Redis that the nodes of the fleet share.')

export const configSchema = z.strictObject({
  version: z
    .literal(1)
    .register(facts, { expects: '1' })
    .describe('Version of this format. Not taken from the environment.'),
  clusterId: text(/^[a-zA-Z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, underscores and dashes').describe(
    'The cluster id in Metadata: the same on all nodes, for ever, or clients take the gateway for ' +
      'another cluster.',
  ),
  node: z
    .strictObject({
      id: text(/^[a-zA-Z0-9._-]{1,128}$/, '1 to 128 letters, digits, dots, underscores and dashes')
        .optional()
        .describe('Unique in the fleet. Default: the host name.'),
      zone: text(/^[\x21-\x7e]{1,64}$/, '1 to 64 ASCII characters without blanks')
        .optional()
        .describe('Shown in the live status.'),
      workers: z
        .union([z.literal('auto'), integer(1, 256)])
        .register(facts, { expects: 'auto or a whole number from 1 to 256' })
        .prefault('auto')
        .describe(
          'Data processes. `auto`: one per core, as long as `limits.memory` gives each 4 × ' +
            '`limits.maxFrameBytes`.',
        ),
    })
    .prefault({})
    .describe('This machine. Changes need a restart.'),
  listeners: z.array(listener).min(1).describe('Where clients connect. Changes need a restart.'),
  clusters: z
    .array(cluster)
    .min(1)
    .describe(
      'The Kafka clusters behind the gateway. Can be reloaded: the port of a new one is bound before ' +
        'anything changes, the port of a removed one stays open for `limits.connectionMaxAge`.',
    ),
  routes: z
    .array(route)
    .min(1)
    .describe(
      'Which topic goes to which cluster. Can be reloaded, for what is read from then on. An idempotent ' +
        'producer whose topic moves back to a cluster that it wrote to before left a gap there: it gets 45 ' +
        'once, as from Kafka itself.',
    ),
  fleet: z
    .strictObject({ redis })
    .optional()
    .describe('Left out: one node alone, no Redis. Changes need a restart.'),
  refresh: z
    .strictObject({
      interval: duration('1s', '1h')
        .prefault('10s')
        .describe('How often the topics and partitions of each cluster are read, once for the whole fleet.'),
    })
    .prefault({})
    .describe('The refresher of the partition map. Can be reloaded.'),
  admin: z
    .strictObject({
      bind: address(0).prefault('127.0.0.1:9090').describe('Not on loopback it needs `auth`.'),
      auth: z
        .strictObject({
          tokenFile: secretFile().describe(
            'File with the bearer token. Read at the start: another token needs a restart.',
          ),
        })
        .optional()
        .describe('Left out: open to everybody who reaches the port.'),
      allowedOrigins: z
        .array(text(/^https?:\/\/[^\s/?#*]+$/, 'an origin such as https://ops.example.com, without a path'))
        .prefault([])
        .describe(
          'Web pages of other origins that may use the API and open the live stream. On loopback also the names ' +
            'under which a reverse proxy may reach the port.',
        ),
    })
    .prefault({})
    .describe('Dashboard, API, metrics, reload and drain. Changes need a restart.'),
  health: z
    .strictObject({ bind: address(0).prefault('0.0.0.0:9091').describe('The load balancer must reach it.') })
    .prefault({})
    .describe('`/livez` and `/readyz`, nothing else. Changes need a restart.'),
  limits: limitsSchema,
  drain: z
    .strictObject({
      delay: duration('0ms', '1h')
        .prefault('5s')
        .describe('New connections are still accepted for this long, until load balancers have noticed.'),
      timeout: duration('0ms', '24h')
        .prefault('25s')
        .describe(
          'From SIGTERM or `POST /drain` to the end, delay included. Whoever stops the process must wait ' +
            'longer.',
        ),
    })
    .prefault({})
    .describe('A graceful stop. Can be reloaded.'),
  log: z
    .strictObject({
      level: choice('trace', 'debug', 'info', 'warn', 'error').prefault('info').describe('Can be reloaded.'),
      format: choice('auto', 'json', 'pretty')
        .prefault('auto')
        .describe('`auto`: pretty on a terminal, else one JSON object per line.'),
    })
    .prefault({})
    .describe('Log lines, on stdout.'),
})

/** The file as it is, units parsed and plain defaults filled in. */
export type Parsed = z.output<typeof configSchema>

type ParsedListener = Parsed['listeners'][number]
type ParsedCluster = Parsed['clusters'][number]

export interface ListenerConfig extends Omit<ParsedListener, 'advertised' | 'tls' | 'sasl'> {
  /** Port 0 = the one that was bound (bind.port is 0 too, then). */
  advertised: { mode: 'shared' | 'per_node'; host: string; port: number; perCluster: boolean }
}

export interface ClusterConfig extends Omit<ParsedCluster, 'id' | 'portOffset' | 'tls' | 'sasl'> {
  /** 1..1023, unique among the clusters. */
  id: number
  /** Unique among the clusters, unless no listener is `perCluster`; then it means nothing. */
  portOffset: number
}

export type RouteConfig = Parsed['routes'][number]

/** Fully resolved: nothing is left to default. Durations in milliseconds, sizes in bytes. */
export interface Config extends Omit<Parsed, 'node' | 'listeners' | 'clusters' | 'log'> {
  node: { id: string; zone?: string | undefined; workers: number }
  listeners: ListenerConfig[]
  clusters: ClusterConfig[]
  log: { level: Parsed['log']['level']; format: 'json' | 'pretty' }
}

export type { Address }
