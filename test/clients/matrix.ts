import { goModule, kcat, npm, pypi } from '#test/clients/pinned.ts'
import { produceGo } from '#test/support/go-client.ts'
import { produceJava } from '#test/support/java-client.ts'
import { produceKafkajs } from '#test/support/kafkajs-client.ts'
import { produceKcat } from '#test/support/kcat-client.ts'
import { producePlatformatic } from '#test/support/platformatic-client.ts'
import type { Outcome, ProducerSpec } from '#test/support/producer-spec.ts'
import { producePython } from '#test/support/python-client.ts'

/** Which clients are run through the gateway, with which settings, and what is expected of each. */
export interface ClientCase {
  /** Stands in topic names. */
  key: string
  name: string
  version: string
  produce: (spec: ProducerSpec) => Promise<Outcome[]>
  /** What it does when nothing is set. */
  defaults: Mode
  /** Those it has besides its default; with its own optional packages, if it names some. */
  codecs: Codec[]
  /** What turns idempotence on, or off where it is on by default. */
  idempotence: Properties
  /** Also needed for acks other than `all`. */
  withFewerAcks?: Properties
  /** Further settings. */
  more?: Setting[]
  /** `generated`: it cannot send records with headers and timestamps. Default: every part a record can have. */
  records?: 'generated'
  /** Connections that a run opens, at most: none of them may be opened in a loop. */
  connections: number
  /** What to set and to avoid, for docs/clients.md. */
  advice: string
}

export type Properties = Record<string, string>
export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
export type Acks = 'all' | '1' | '0'

export interface Mode {
  acks: Acks
  codec: Codec
  idempotent: boolean
}

/** One way to run a client. */
export interface Setting extends Mode {
  name: string
  /** In the words of Kafka's own producer. */
  properties: Properties
  /** It promises no order by itself. */
  unordered?: true
}

const ON: Properties = { 'enable.idempotence': 'true' }
const OFF: Properties = { 'enable.idempotence': 'false' }
const PLAIN: Mode = { acks: 'all', codec: 'none', idempotent: false }
const IDEMPOTENT: Mode = { ...PLAIN, idempotent: true }
const COMPRESSED: Codec[] = ['gzip', 'snappy', 'lz4', 'zstd']

/** Default settings first. */
export function settingsOf(client: ClientCase): Setting[] {
  const { defaults, codecs, idempotence, withFewerAcks = {}, more = [] } = client
  const acks = (['all', '1', '0'] as const).filter((acks) => acks !== defaults.acks)
  return [
    { ...defaults, name: 'default', properties: {} },
    defaults.idempotent
      ? { ...defaults, name: 'not idempotent', properties: idempotence, idempotent: false }
      : { ...defaults, name: 'idempotent', properties: idempotence, idempotent: true, acks: 'all' },
    ...acks.map((acks): Setting => {
      const properties = acks === 'all' ? { acks } : { acks, ...withFewerAcks }
      return { ...defaults, name: `acks=${acks}`, properties, acks, idempotent: false }
    }),
    ...codecs.map((codec): Setting => {
      return { ...defaults, name: codec, properties: { 'compression.type': codec }, codec }
    }),
    ...more,
  ]
}

/** Twenty sends under way at once. */
const TOGETHER: Properties = { 'max.in.flight.requests.per.connection': '20' }

export const CLIENTS: ClientCase[] = [
  {
    key: 'java-3.9',
    name: 'Java (kafka-clients)',
    version: '3.9.2',
    produce: (spec) => produceJava(spec, '3.9.2'),
    defaults: IDEMPOTENT,
    codecs: COMPRESSED,
    idempotence: OFF,
    connections: 3,
    advice: 'Nothing to set.',
  },
  {
    key: 'java-4.4',
    name: 'Java (kafka-clients)',
    version: '4.4.0',
    produce: (spec) => produceJava(spec, '4.4.0'),
    defaults: IDEMPOTENT,
    codecs: COMPRESSED,
    idempotence: OFF,
    connections: 3,
    advice: 'Nothing to set. Each new connection takes one more round trip, for ApiVersions 5.',
  },
  {
    key: 'librdkafka',
    name: 'librdkafka (confluent-kafka)',
    version: pypi('confluent-kafka'),
    produce: producePython,
    defaults: PLAIN,
    codecs: COMPRESSED,
    idempotence: ON,
    connections: 3,
    advice:
      'Set `enable.idempotence=true`: it is off by default, and up to a million requests may be under way.',
  },
  {
    key: 'kafka-python',
    name: 'kafka-python',
    version: pypi('kafka-python'),
    produce: (spec) => producePython(spec, 'kafka-python'),
    defaults: IDEMPOTENT,
    codecs: COMPRESSED,
    idempotence: OFF,
    connections: 3,
    advice: 'Nothing to set. snappy, lz4 and zstd need its optional packages.',
  },
  {
    key: 'aiokafka',
    name: 'aiokafka',
    version: pypi('aiokafka'),
    produce: (spec) => producePython(spec, 'aiokafka'),
    defaults: { ...PLAIN, acks: '1' },
    codecs: COMPRESSED,
    idempotence: ON,
    connections: 3,
    advice:
      'Set `enable_idempotence=True`, which also means acks=all: the default is acks=1. snappy, lz4 and zstd ' +
      'need its optional packages.',
  },
  {
    key: 'franz-go',
    name: 'franz-go',
    version: goModule('github.com/twmb/franz-go'),
    produce: (spec) => produceGo('franz', spec),
    defaults: { ...IDEMPOTENT, codec: 'snappy' },
    codecs: ['none', 'gzip', 'lz4', 'zstd'],
    idempotence: OFF,
    withFewerAcks: OFF,
    connections: 5,
    advice:
      'Nothing to set. It compresses with snappy by default. To each cluster it keeps one connection for Produce ' +
      'and one for the rest, and closes those that are idle for 30 s. Acks other than all need ' +
      '`DisableIdempotentWrite`.',
  },
  {
    key: 'sarama',
    name: 'sarama',
    version: goModule('github.com/IBM/sarama'),
    produce: (spec) => produceGo('sarama', spec),
    defaults: { ...PLAIN, acks: '1' },
    codecs: COMPRESSED,
    idempotence: { ...ON, acks: 'all', 'max.in.flight.requests.per.connection': '1' },
    more: [{ ...PLAIN, acks: '1', name: 'Version 4.3.1', properties: { 'kafka.version': '4.3.1' } }],
    connections: 3,
    advice:
      'Set `Producer.Idempotent`, with `Producer.RequiredAcks = WaitForAll` and `Net.MaxOpenRequests = 1`: the ' +
      'default is acks=1. Raise `Producer.Retry.Max`: 3 tries, 100 ms apart, are soon used up. Close a producer ' +
      'only after every answer has come: what is being tried again by then is refused.',
  },
  {
    key: 'kafkajs',
    name: 'kafkajs',
    version: npm('kafkajs'),
    produce: produceKafkajs,
    defaults: PLAIN,
    codecs: ['gzip'],
    idempotence: ON,
    more: [
      { ...PLAIN, name: '20 sends at once', properties: TOGETHER, unordered: true },
      { ...IDEMPOTENT, name: 'idempotent, 20 sends at once', properties: { ...ON, ...TOGETHER } },
    ],
    connections: 3,
    advice:
      'Each cluster needs a port of its own, also behind a load balancer that maps ports: of several brokers ' +
      'at one address it silently drops the messages of all but the last (a configuration that would show that ' +
      'is refused). Await each send, or send arrays: a send that is tried again comes behind ' +
      'those that were under way with it. Codecs other than gzip need packages of their own.',
  },
  {
    key: 'platformatic',
    name: '@platformatic/kafka',
    version: npm('@platformatic/kafka'),
    produce: producePlatformatic,
    defaults: { ...PLAIN, acks: '1' },
    codecs: COMPRESSED,
    idempotence: ON,
    more: [
      { ...PLAIN, acks: '1', name: '20 sends at once', properties: TOGETHER, unordered: true },
      { ...IDEMPOTENT, name: 'idempotent, 20 sends at once', properties: { ...ON, ...TOGETHER } },
    ],
    connections: 3,
    advice:
      'Set `idempotent: true`, which also means acks=all: the default is acks=1. Await each send, or send ' +
      'arrays, as with kafkajs. `timeout`, 5 s by default, is what a cluster has to answer in: raise it to the ' +
      "30 s of Kafka's own producer to sit out the election of a leader.",
  },
  {
    key: 'kcat',
    name: 'kcat (Debian)',
    version: kcat(),
    produce: produceKcat,
    defaults: PLAIN,
    codecs: COMPRESSED,
    idempotence: ON,
    records: 'generated',
    // A process per partition, each with one to the bootstrap port and one to its cluster.
    connections: 12,
    advice:
      'Set `-X enable.idempotence=true`. It tells of a failed record and goes on; its exit code is 1 then. Here ' +
      'six processes were run at once, one per partition: each opens two connections.',
  },
]
