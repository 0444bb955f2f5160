import type { Case, Own } from '#test/equivalence/case.ts'
import { call, one, produce } from '#test/equivalence/case.ts'
import { batch, plainBatch } from '#test/support/batches.ts'

/** ListOffsets and Fetch, in every version that the sandbox serves. */

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)
const some = produce([
  [
    'a',
    [
      [0, plainBatch('v', 3)],
      [1, plainBatch('w')],
    ],
  ],
])

const offsets = (own: Own, timestamp: bigint, more: number[] = []) => ({
  replicaId: -1,
  topics: [
    {
      name: own.a,
      partitions: [own.first, own.first + 1, ...more].map((partitionIndex) => ({
        partitionIndex,
        timestamp,
      })),
    },
  ],
})

const listOffsets: Case[] = [
  ...range(1, 5).map((version) => ({
    name: `ListOffsets ${version}`,
    steps: [
      some,
      call('listOffsets', version, (own) => offsets(own, -1n, [99_000, -1])),
      call('listOffsets', version, (own) => offsets(own, -2n)),
      call('listOffsets', version, (own) => offsets(own, 9_000_000_000_000n)),
    ],
  })),
  {
    name: 'ListOffsets of empty partitions and unknown topics',
    steps: [
      call('listOffsets', 5, (own) => offsets(own, -1n)),
      call('listOffsets', 5, (own) => offsets(own, -2n)),
      call('listOffsets', 5, (own) => offsets(own, 0n)),
      call('listOffsets', 5, {
        replicaId: -1,
        topics: [{ name: 'missing', partitions: [{ partitionIndex: 0, timestamp: -1n }] }],
      }),
    ],
  },
  {
    name: 'ListOffsets by time',
    steps: [
      one(plainBatch('v', 3)),
      one(plainBatch('v', 1, { baseTimestamp: 1_790_000_001_000n })),
      ...[0n, 1_790_000_000_000n, 1_790_000_000_001n, 1_790_000_001_001n].map((time) =>
        call('listOffsets', 5, (own) => offsets(own, time)),
      ),
    ],
  },
  {
    name: 'ListOffsets by time, inside a batch',
    steps: [
      one(batch({ records: [{}, { timestampDelta: 10 }, { timestampDelta: 20 }] })),
      call('listOffsets', 5, (own) => offsets(own, 1_790_000_000_005n)),
    ],
  },
  {
    name: 'ListOffsets of -3 and -4',
    steps: [
      some,
      call('listOffsets', 5, (own) => offsets(own, -3n)),
      call('listOffsets', 5, (own) => offsets(own, -4n)),
    ],
  },
  {
    name: 'ListOffsets of a partition twice',
    steps: [call('listOffsets', 3, (own) => offsets(own, -1n, [own.first]))],
  },
  {
    name: 'ListOffsets with another leader epoch',
    steps: [
      call('listOffsets', 4, (own) => ({
        replicaId: -1,
        topics: [
          {
            name: own.a,
            partitions: [
              { partitionIndex: own.first, currentLeaderEpoch: 5, timestamp: -1n },
              { partitionIndex: own.first + 1, currentLeaderEpoch: 0, timestamp: -1n },
            ],
          },
        ],
      })),
    ],
  },
]

interface Asked {
  offset?: bigint
  partitionMaxBytes?: number
  maxBytes?: number
  minBytes?: number
  maxWaitMs?: number
  sessionEpoch?: number
  sessionId?: number
  isolationLevel?: number
  more?: number[]
}

const fetchOf = (asked: Asked) => (own: Own) => ({
  maxWaitMs: asked.maxWaitMs ?? 5000,
  minBytes: asked.minBytes ?? 1,
  maxBytes: asked.maxBytes ?? 1 << 20,
  isolationLevel: asked.isolationLevel ?? 0,
  sessionId: asked.sessionId ?? 0,
  sessionEpoch: asked.sessionEpoch ?? -1,
  topics: [
    {
      topic: own.a,
      partitions: [own.first, own.first + 1, ...(asked.more ?? [])].map((partition) => ({
        partition,
        fetchOffset: asked.offset ?? 0n,
        partitionMaxBytes: asked.partitionMaxBytes ?? 1 << 20,
      })),
    },
  ],
})

const fetch: Case[] = [
  ...range(4, 11).map((version) => ({
    name: `Fetch ${version}`,
    steps: [some, call('fetch', version, fetchOf({})), call('fetch', version, fetchOf({ more: [99_000] }))],
  })),
  {
    name: 'Fetch from the middle of a batch',
    steps: [one(plainBatch('v', 3)), one(plainBatch('w')), call('fetch', 11, fetchOf({ offset: 2n }))],
  },
  { name: 'Fetch at the end', steps: [some, call('fetch', 11, fetchOf({ offset: 3n, maxWaitMs: 100 }))] },
  { name: 'Fetch beyond the end', steps: [some, call('fetch', 11, fetchOf({ offset: 4n }))] },
  { name: 'Fetch at -1', steps: [some, call('fetch', 11, fetchOf({ offset: -1n }))] },
  { name: 'Fetch of nothing, at once', steps: [call('fetch', 11, fetchOf({ minBytes: 0 }))] },
  { name: 'Fetch of nothing, after a while', steps: [call('fetch', 11, fetchOf({ maxWaitMs: 200 }))] },
  {
    name: 'Fetch of fewer bytes than a batch has',
    steps: [
      some,
      call('fetch', 11, fetchOf({ partitionMaxBytes: 10 })),
      call('fetch', 11, fetchOf({ maxBytes: 10 })),
      call('fetch', 11, fetchOf({ maxBytes: 0 })),
    ],
  },
  {
    name: 'Fetch of one and a half batches',
    steps: [
      one(plainBatch('v', 3)),
      one(plainBatch('w', 3)),
      call('fetch', 11, fetchOf({ partitionMaxBytes: plainBatch('v', 3).length + 20 })),
      call('fetch', 11, fetchOf({ maxBytes: plainBatch('v', 3).length + 20 })),
    ],
  },
  { name: 'Fetch, read committed', steps: [some, call('fetch', 11, fetchOf({ isolationLevel: 1 }))] },
  { name: 'Fetch that begins a session', steps: [some, call('fetch', 11, fetchOf({ sessionEpoch: 0 }))] },
  {
    name: 'Fetch in a session that is not there',
    steps: [call('fetch', 11, fetchOf({ sessionEpoch: 1, sessionId: 77 }))],
  },
  {
    name: 'Fetch of an unknown topic and of none',
    steps: [
      call('fetch', 11, (own) => ({
        ...fetchOf({})(own),
        topics: [
          { topic: 'missing', partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 100 }] },
        ],
      })),
      call('fetch', 11, (own) => ({ ...fetchOf({})(own), topics: [] })),
    ],
  },
  {
    name: 'Fetch with another leader epoch',
    steps: [
      some,
      call('fetch', 11, (own) => ({
        ...fetchOf({})(own),
        topics: [
          {
            topic: own.a,
            partitions: [
              { partition: own.first, currentLeaderEpoch: 5, fetchOffset: 0n, partitionMaxBytes: 1000 },
              { partition: own.first + 1, currentLeaderEpoch: 0, fetchOffset: 0n, partitionMaxBytes: 1000 },
            ],
          },
        ],
      })),
    ],
  },
]

export const readCases: Case[] = [...listOffsets, ...fetch]
