import { NO_UUID } from '#protocol/schema.ts'
import type { Case } from '#test/equivalence/case.ts'
import { call, raw } from '#test/equivalence/case.ts'

/** Everything but Produce, in every version that the sandbox serves. */

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

const apiVersions: Case[] = [
  ...range(0, 4).map((version) => ({
    name: `ApiVersions ${version}`,
    steps: [call('apiVersions', version, { clientSoftwareName: 'x', clientSoftwareVersion: '1.0' })],
  })),
  ...[6, 32767].map((version) => ({
    name: `ApiVersions ${version}, then 4`,
    steps: [
      call(
        'apiVersions',
        version,
        { clientSoftwareName: 'x', clientSoftwareVersion: '1' },
        { answerVersion: 0 },
      ),
      call('apiVersions', 4, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }),
    ],
  })),
  {
    name: 'ApiVersions with a bad software name',
    steps: [call('apiVersions', 3, { clientSoftwareName: 'a b', clientSoftwareVersion: '1' })],
  },
  {
    name: 'ApiVersions without a software name',
    steps: [call('apiVersions', 3, { clientSoftwareName: '', clientSoftwareVersion: '' })],
  },
]

const shared = ['compacted', 'append-time', 'small']
const named = (...names: string[]) => names.map((name) => ({ name }))

const metadata: Case[] = [
  ...range(0, 12).map((version) => ({
    name: `Metadata ${version}`,
    steps: [
      call('metadata', version, { topics: named(...shared, 'missing'), allowAutoTopicCreation: false }),
    ],
  })),
  { name: 'Metadata of no topics, version 1', steps: [call('metadata', 1, { topics: [] })] },
  {
    name: 'Metadata of illegal names',
    steps: [call('metadata', 9, { topics: named('', 'x/y', '.', '..', 'n'.repeat(250), 'ü') })],
  },
  {
    name: 'Metadata of a topic named twice',
    steps: [call('metadata', 5, { topics: named('small', 'small') })],
  },
  ...[8, 10, 11, 12].map((version) => ({
    name: `Metadata ${version} with operations`,
    steps: [
      call('metadata', version, {
        topics: named('small', 'missing'),
        includeClusterAuthorizedOperations: version <= 10,
        includeTopicAuthorizedOperations: true,
      }),
    ],
  })),
  {
    name: 'Metadata 12 of an unknown id',
    steps: [call('metadata', 12, { topics: [{ topicId: 'abcdefghijklmnopqrstuQ', name: null }] })],
  },
  {
    name: 'Metadata 12 of an unknown id and a name',
    steps: [call('metadata', 12, { topics: [{ topicId: 'abcdefghijklmnopqrstuQ', name: 'small' }] })],
  },
  {
    name: 'Metadata 11 by id',
    steps: [call('metadata', 11, { topics: [{ topicId: 'abcdefghijklmnopqrstuQ', name: 'small' }] })],
  },
  { name: 'Metadata 10 of a null name', steps: [call('metadata', 10, { topics: [{ name: null }] })] },
  {
    name: 'Metadata 12 of a null name',
    steps: [call('metadata', 12, { topics: [{ topicId: NO_UUID, name: null }] })],
  },
]

const producerIds: Case[] = [
  ...range(0, 5).map((version) => ({
    name: `InitProducerId ${version}`,
    steps: [call('initProducerId', version, { transactionalId: null, transactionTimeoutMs: 1000 })],
  })),
  {
    name: 'InitProducerId of a producer that has an id',
    steps: [
      call('initProducerId', 3, { transactionalId: null, producerId: 5n, producerEpoch: 3 }),
      call('initProducerId', 4, { transactionalId: null, producerId: 5n }),
      call('initProducerId', 4, { transactionalId: null, producerEpoch: 5 }),
    ],
  },
  {
    name: 'InitProducerId with timeout 0 and -1',
    steps: [
      call('initProducerId', 4, { transactionalId: null, transactionTimeoutMs: 0 }),
      call('initProducerId', 4, { transactionalId: null, transactionTimeoutMs: -1 }),
    ],
  },
  { name: 'InitProducerId with an empty id', steps: [call('initProducerId', 4, { transactionalId: '' })] },
  {
    name: 'InitProducerId with a transactional id',
    steps: [call('initProducerId', 4, { transactionalId: 't', transactionTimeoutMs: 60_000 })],
  },
]

const create = (name: string, partitions: number, replicas: number, more: object = {}) => ({
  timeoutMs: 20_000,
  topics: [{ name, numPartitions: partitions, replicationFactor: replicas, ...more }],
})

/** Brokers learn of a new topic, and of its leaders, a moment after it was made. */
const isLed = ({ topics: [topic] }: any): boolean =>
  topic.errorCode === 0 && topic.partitions.every(({ errorCode }: any) => errorCode === 0)

const topics: Case[] = [
  ...range(2, 7).map((version) => ({
    name: `CreateTopics ${version}`,
    steps: [
      call('createTopics', version, create(`made-${version}`, 2, 1)),
      call('createTopics', version, create(`made-${version}`, 2, 1)),
      call('metadata', 1, { topics: named(`made-${version}`) }, { until: isLed }),
    ],
  })),
  {
    name: 'CreateTopics that is refused',
    steps: [
      call('createTopics', 7, create('x/y', 1, 1)),
      call('createTopics', 7, create('', 1, 1)),
      call('createTopics', 7, create('zero', 0, 1)),
      call('createTopics', 7, create('minus', -2, 1)),
      call('createTopics', 7, create('no-replicas', 1, 0)),
      call('createTopics', 7, create('two-replicas', 1, 2)),
      call('createTopics', 7, {
        timeoutMs: 20_000,
        topics: ['twice', 'once', 'twice'].map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
      }),
    ],
  },
  { name: 'CreateTopics with the defaults', steps: [call('createTopics', 5, create('by-default', -1, -1))] },
  {
    name: 'CreateTopics with the defaults, version 3',
    steps: [call('createTopics', 3, create('none', -1, -1))],
  },
  {
    name: 'CreateTopics only to validate',
    steps: [
      call('createTopics', 7, { ...create('not-made', 1, 1), validateOnly: true }),
      call('metadata', 1, { topics: named('not-made') }),
    ],
  },
  {
    name: 'CreateTopics with a setting that is unknown',
    steps: [call('createTopics', 7, create('odd', 1, 1, { configs: [{ name: 'odd', value: '1' }] }))],
  },
  {
    name: 'CreateTopics with an assignment',
    steps: [
      call(
        'createTopics',
        7,
        create('assigned', -1, -1, { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }),
      ),
    ],
  },
]

const coordinators: Case[] = [
  ...range(0, 3).map((version) => ({
    name: `FindCoordinator ${version}`,
    steps: [call('findCoordinator', version, { key: 'g' })],
  })),
  {
    name: 'FindCoordinator of a transaction',
    steps: [call('findCoordinator', 3, { key: 't', keyType: 1 })],
  },
  { name: 'FindCoordinator of another kind', steps: [call('findCoordinator', 3, { key: 'g', keyType: 5 })] },
  { name: 'FindCoordinator of an empty group', steps: [call('findCoordinator', 3, { key: '' })] },
]

/** key int16 · version int16 · correlation int32 · client id string · rest, with the length before it. */
function frame(key: number, version: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0, key, 0, version, 0, 0, 0, 1, 0xff, 0xff])
  const whole = Buffer.concat([head, rest])
  whole.writeInt32BE(whole.length - 4)
  return whole
}

const length = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(value)
  return bytes
}

const broken: Record<string, Buffer> = {
  'a frame of length 0': length(0),
  'a frame of length -1': length(-1),
  'a frame of 100 MiB and a byte': length(100 * 1024 * 1024 + 1),
  'a frame of 3 bytes': Buffer.of(0, 0, 0, 3, 0, 18, 0),
  'an unknown API': frame(999 & 0xff, 0),
  'Fetch 3': frame(1, 3),
  'Produce without a body': frame(0, 9),
  'Produce with 2^31-1 topics': frame(0, 3, Buffer.from('ffffffff00000064' + '7fffffff', 'hex')),
  'Metadata without a body': frame(3, 4),
  'ListOffsets with bytes behind the body': frame(2, 1, Buffer.from('ffffffff00000000ffff', 'hex')),
  'Produce 2': frame(0, 2, Buffer.from('ffff0000006400000000', 'hex')),
  'ApiVersions 5': frame(18, 5, Buffer.from('00027804312e3000ffffffff00', 'hex')),
  'ApiVersions without its tags': frame(18, 3),
  'something else': Buffer.from('GET / HTTP/1.1\r\nHost: kafka\r\n\r\n'),
}

const connection: Case[] = Object.entries(broken).map(([name, bytes]) => ({
  name: `bytes: ${name}`,
  steps: [raw(bytes)],
}))

export const otherCases: Case[] = [
  ...apiVersions,
  ...metadata,
  ...producerIds,
  ...topics,
  ...coordinators,
  ...connection,
]
