import { gzipSync } from 'node:zlib'
import type { Case } from '#test/equivalence/case.ts'
import { burst, call, one, produce } from '#test/equivalence/case.ts'
import { batch, type Codec, encodeRecords, plainBatch } from '#test/support/batches.ts'

/** Produce as clients send it, and some corners that are allowed. */

const versions = Array.from({ length: 10 }, (_, i) => i + 3)
const codecs: Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const LARGEST = 1_048_588

/** A batch of exactly so many bytes. */
function batchOf(bytes: number): Buffer {
  const empty = batch({ records: [{ value: Buffer.alloc(bytes - 200) }] }).length
  const whole = batch({ records: [{ value: Buffer.alloc(2 * bytes - 200 - empty) }] })
  if (whole.length !== bytes) throw new Error(`made ${whole.length} bytes instead of ${bytes}`)
  return whole
}

const rich = batch({
  records: [
    { key: 'k', value: 'v', headers: [['h', Buffer.from('x')]] },
    { key: '', value: '', headers: [['', null]] },
    { key: null, value: null, timestampDelta: 7 },
  ],
})

const fetchShared = (topic: string) =>
  call('fetch', 10, {
    maxWaitMs: 1000,
    minBytes: 1,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }] }],
  })

export const produceCases: Case[] = [
  ...versions.map((version) => ({
    name: `version ${version}`,
    steps: [one(plainBatch('v'), { version }), one(plainBatch('w', 3), { version })],
  })),
  ...versions.map((version) => ({
    name: `version ${version}, unknown topic and bad record`,
    steps: [
      produce(
        [
          ['a', [[0, plainBatch('v', 2, { override: { count: 3 } })]]],
          ['missing', [[0, rich]]],
        ],
        {
          version,
        },
      ),
    ],
  })),
  ...codecs.map((codec) => ({
    name: `codec ${codec}`,
    steps: [one(plainBatch('v', 20, { codec })), one(plainBatch('w', 1, { codec }), { version: 7 })],
  })),
  {
    name: 'zstd before version 7',
    steps: [one(plainBatch('v', 1, { codec: 'zstd' }), { version: 6 })],
  },
  { name: 'keys, headers, nulls and empty values', steps: [one(rich)] },
  { name: 'acks 1', steps: [one(rich, { acks: 1 })] },
  { name: 'acks 0', steps: [one(rich, { acks: 0 }), one(plainBatch('v'), { acks: 1 })] },
  { name: 'acks 2', steps: [one(rich, { acks: 2 })] },
  {
    name: 'acks -2, one partition unknown, one batch bad',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, rich],
              [99, rich],
              [1, plainBatch('v', 1, { override: { magic: 1 } })],
            ],
          ],
          ['b', [[0, plainBatch('v', 1, { override: { crc: 1 } })]]],
        ],
        { acks: -2 },
      ),
    ],
  },
  {
    name: 'three partitions of two topics',
    steps: [
      produce([
        [
          'a',
          [
            [0, rich],
            [1, plainBatch('v')],
          ],
        ],
        ['b', [[0, plainBatch('w', 2)]]],
      ]),
    ],
  },
  {
    name: 'a topic listed twice, different partitions',
    steps: [
      produce([
        ['a', [[0, rich]]],
        ['b', [[0, rich]]],
        ['a', [[1, plainBatch('v')]]],
      ]),
    ],
  },
  {
    name: 'a partition twice in one topic entry',
    steps: [
      produce([
        [
          'a',
          [
            [0, plainBatch('v')],
            [0, plainBatch('w', 2)],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'a partition in two entries of its topic',
    steps: [
      produce([
        ['a', [[0, plainBatch('v')]]],
        ['a', [[0, plainBatch('w', 2)]]],
      ]),
    ],
  },
  {
    name: 'a partition three times, the last with a bad CRC',
    steps: [
      produce([
        [
          'a',
          [
            [0, rich],
            [0, rich],
            [0, plainBatch('v', 1, { override: { crc: 1 } })],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'a partition twice, the last with magic 1',
    steps: [
      produce([
        [
          'a',
          [
            [0, rich],
            [0, plainBatch('v', 1, { override: { magic: 1 } })],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'a partition twice, the first with magic 1',
    steps: [
      produce([
        [
          'a',
          [
            [0, plainBatch('v', 1, { override: { magic: 1 } })],
            [0, rich],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'a partition twice, the last with null records',
    steps: [
      produce([
        [
          'a',
          [
            [0, rich],
            [0, null],
          ],
        ],
      ]),
    ],
  },
  { name: 'no topics', steps: [produce([])] },
  { name: 'a topic without partitions', steps: [produce([['a', []]])] },
  { name: 'no topics, acks 0', steps: [produce([], { acks: 0 })] },
  { name: 'timeout 0', steps: [one(rich, { timeoutMs: 0 })] },
  { name: 'timeout -1', steps: [one(rich, { timeoutMs: -1 })] },
  { name: 'bytes behind the body', steps: [one(rich, { trailing: Buffer.alloc(7, 0xff) })] },
  { name: 'an unknown tagged field', steps: [one(rich, { tags: Buffer.of(1, 40, 2, 0xde, 0xad) })] },
  { name: 'a transactional id, plain batches', steps: [one(rich, { transactionalId: 't' })] },
  {
    name: 'five at once',
    steps: [burst(...['v', 'w', 'x', 'y', 'z'].map((value) => one(plainBatch(value))))],
  },
  {
    name: 'acks 0 between others, at once',
    steps: [burst(one(rich), one(rich, { acks: 0 }), one(plainBatch('v'), { acks: 1 }))],
  },
  { name: 'the largest batch', steps: [one(batchOf(LARGEST))] },
  { name: 'a batch too large by one byte', steps: [one(batchOf(LARGEST + 1))] },
  {
    name: 'too large and a bad CRC',
    steps: [one(batch({ records: [{ value: Buffer.alloc(LARGEST) }], override: { crc: 1 } }))],
  },
  {
    name: 'unknown partitions and topics',
    steps: [
      produce([
        [
          'a',
          [
            [99, rich],
            [-1, rich],
            [0, rich],
          ],
        ],
        ['', [[0, rich]]],
        ['x/y', [[0, rich]]],
        ['n'.repeat(300), [[0, rich]]],
        ['missing', [[0, rich]]],
      ]),
    ],
  },
  {
    name: 'an internal topic',
    steps: [
      produce([
        [
          '__consumer_offsets',
          [
            [0, rich],
            [99, rich],
          ],
        ],
        ['a', [[0, rich]]],
      ]),
    ],
  },
  {
    name: 'a compacted topic',
    steps: [
      produce([['compacted', [[0, rich]]]]),
      produce([['compacted', [[0, batch({ records: [{ key: 'k', value: null }] })]]]]),
      produce([['compacted', [[0, plainBatch('v')]]]], { version: 7 }),
      fetchShared('compacted'),
    ],
  },
  {
    name: 'a compacted topic, compressed records without a key',
    steps: [produce([['compacted', [[1, plainBatch('v', 2, { codec: 'gzip' })]]]])],
  },
  {
    name: 'a topic that goes by the clock of the broker',
    steps: [
      produce([['append-time', [[0, rich]]]]),
      produce([['append-time', [[0, plainBatch('v', 2, { codec: 'gzip' })]]]], { version: 3 }),
      produce([['append-time', [[0, plainBatch('v', 1, { override: { attributes: 8 } })]]]]),
      fetchShared('append-time'),
    ],
  },
  {
    name: 'a topic with small batches',
    steps: [
      produce([['small', [[0, batchOf(500)]]]]),
      produce([['small', [[0, batchOf(501)]]]]),
      produce([['small', [[0, plainBatch('v', 300, { codec: 'gzip' })]]]]),
      fetchShared('small'),
    ],
  },
  {
    name: 'a compressed batch whose header has other times',
    steps: [
      one(
        batch({
          records: [{ value: 'v' }],
          payload: gzipSync(encodeRecords([{ value: 'v', timestampDelta: 5 }])),
          override: { attributes: 1 },
        }),
      ),
    ],
  },
  {
    name: 'acks 0, one partition unknown',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, rich],
              [99, rich],
            ],
          ],
        ],
        { acks: 0 },
      ),
    ],
  },
  {
    name: 'acks 0, wrong CRC beside a good batch',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, rich],
              [1, plainBatch('v', 1, { override: { crc: 1 } })],
            ],
          ],
        ],
        { acks: 0 },
      ),
    ],
  },
  {
    name: 'acks 0 and a failure of the whole request',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, rich],
              [1, plainBatch('v', 1, { override: { magic: 3 } })],
            ],
          ],
        ],
        { acks: 0 },
      ),
    ],
  },
  {
    name: 'acks 0 with an error, a good request behind it at once',
    steps: [burst(one(plainBatch('v', 1, { override: { crc: 1 } }), { acks: 0 }), one(rich, { acks: 1 }))],
  },
  { name: 'acks 0 and null records', steps: [one(null, { acks: 0 })] },
  { name: 'after other requests', steps: [call('metadata', 4, { topics: [] }), one(rich)] },
]
