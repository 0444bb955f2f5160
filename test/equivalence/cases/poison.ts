import { crc32c } from '#protocol/crc.ts'
import type { Case } from '#test/equivalence/case.ts'
import { one, produce } from '#test/equivalence/case.ts'
import {
  ATTRIBUTES,
  type BatchHeader,
  type BatchSpec,
  batch,
  encodeRecords,
  plainBatch,
} from '#test/support/batches.ts'

/** Bad batches between good ones: who else suffers (broker-facts.md §2.2). */

const good = (value: string): Buffer => plainBatch(value)

/** The bad batch stands behind a good one of its topic, and before one of another. */
function between(bad: Buffer | null): Case['steps'] {
  return [
    produce([
      [
        'a',
        [
          [0, good('g')],
          [1, bad],
        ],
      ],
      ['b', [[0, good('h')]]],
    ]),
  ]
}

function header(override: Partial<BatchHeader>, spec: Partial<BatchSpec> = {}): Buffer {
  return plainBatch('bad', 2, { ...spec, override })
}

/** A batch whose length and CRC are right, of so many bytes. */
function stub(bytes: number, magic = 2): Buffer {
  const whole = Buffer.from(plainBatch('stub').subarray(0, bytes))
  whole.writeInt32BE(bytes - 12, 8)
  whole.writeInt8(magic, 16)
  if (bytes > 21) whole.writeUInt32BE(crc32c(whole.subarray(21)), 17)
  return whole
}

function lengthOnly(bytes: number): Buffer {
  const some = Buffer.alloc(bytes)
  some.writeInt32BE(100, 8)
  return some
}

const garbage = (attributes: number, payload: Buffer): Buffer =>
  batch({ records: [{}, {}], payload, override: { attributes } })
const NOISE = Buffer.from('this is neither gzip nor snappy nor lz4 nor zstd, and no records either')
const inAnHour = (minutes: number): bigint => BigInt(Date.now() + (60 + minutes) * 60_000)
const behind = (trailing: Buffer): Buffer => plainBatch('t', 1, { trailing })
const inside = (payload: Buffer, count = 1): Buffer => batch({ records: Array(count).fill({}), payload })
const record = encodeRecords([{ value: 'v' }])
const { transactional, control, logAppendTime } = ATTRIBUTES

const BAD: Record<string, Buffer | null> = {
  'null records': null,
  'empty records': Buffer.alloc(0),
  '1 byte': Buffer.alloc(1),
  '11 bytes': Buffer.alloc(11),
  '12 bytes': Buffer.alloc(12),
  '16 bytes': Buffer.alloc(16),
  '12 bytes with a good length': lengthOnly(12),
  '16 bytes with a good length': lengthOnly(16),
  '17 zero bytes': Buffer.alloc(17),
  'length 13': header({ length: 13 }),
  'length 0': header({ length: 0 }),
  'length -1': header({ length: -1 }),
  'length 2^31-1': header({ length: 0x7fffffff }),
  'length 2^31-12': header({ length: 0x7ffffff4 }),
  'length 2^31-13': header({ length: 0x7ffffff3 }),
  'length 2^31-1, magic 3': header({ length: 0x7fffffff, magic: 3 }),
  'length 13, magic 3': header({ length: 13, magic: 3 }),
  'length too large by 10': (() => {
    const bytes = plainBatch('bad', 2)
    bytes.writeInt32BE(bytes.length - 12 + 10, 8)
    return bytes
  })(),
  'length too small by 3': (() => {
    const bytes = plainBatch('bad', 2)
    bytes.writeInt32BE(bytes.length - 12 - 3, 8)
    return bytes
  })(),
  '26 bytes in all': stub(26),
  '50 bytes in all': stub(50),
  '51 bytes in all': stub(51),
  '60 bytes in all': stub(60),
  '26 bytes in all, magic 1': stub(26, 1),
  'magic 0': header({ magic: 0 }),
  'magic 1': header({ magic: 1 }),
  'magic 3': header({ magic: 3 }),
  'magic 127': header({ magic: 127 }),
  'magic -1': header({ magic: -1 }),
  'wrong CRC': header({ crc: 1 }),
  'transactional bit': header({ attributes: transactional }),
  'transactional bit and producer id': header({ attributes: transactional }, { producerId: 9000n }),
  'control bit': header({ attributes: control }),
  'base offset 5': header({ baseOffset: 5n }),
  'base offset -1': header({ baseOffset: -1n }),
  'base offset 5 and a wrong CRC': header({ baseOffset: 5n, crc: 1 }),
  'count 0': header({ count: 0, lastOffsetDelta: -1 }),
  'count -1': header({ count: -1 }),
  'count 3 of 2': header({ count: 3, lastOffsetDelta: 2 }),
  'count 1 of 2': header({ count: 1, lastOffsetDelta: 0 }),
  'last offset delta 2 of 2 records': header({ lastOffsetDelta: 2 }),
  'last offset delta 2^31-1': header({ lastOffsetDelta: 0x7fffffff }),
  'header only, count 2': inside(Buffer.alloc(0), 2),
  'a producer id, sequence -1': header({}, { producerId: 9001n, baseSequence: -1 }),
  'two batches': Buffer.concat([plainBatch('one'), plainBatch('two')]),
  'two batches of one producer': Buffer.concat([
    plainBatch('one', 1, { producerId: 9002n }),
    plainBatch('two', 1, { producerId: 9002n, baseSequence: 1 }),
  ]),
  'a batch and half another': behind(plainBatch('two').subarray(0, 40)),
  '11 bytes behind it': behind(Buffer.alloc(11)),
  '12 zero bytes behind it': behind(Buffer.alloc(12)),
  '16 zero bytes behind it': behind(Buffer.alloc(16)),
  '16 bytes with a good length behind it': behind(lengthOnly(16)),
  'length 2^31-1 behind it': behind(header({ length: 0x7fffffff })),
  '17 zero bytes behind it': behind(Buffer.alloc(17)),
  '100 bytes 0xff behind it': behind(Buffer.alloc(100, 0xff)),
  'codec 5': garbage(5, record),
  'codec 7': garbage(7, record),
  'gzip garbage': garbage(1, NOISE),
  'snappy garbage': garbage(2, NOISE),
  'lz4 garbage': garbage(3, NOISE),
  'zstd garbage': garbage(4, NOISE),
  'gzip without payload': garbage(1, Buffer.alloc(0)),
  garbage: garbage(0, NOISE),
  'garbage 0xff': garbage(0, Buffer.alloc(40, 0xff)),
  'garbage 0x80': garbage(0, Buffer.alloc(3, 0x80)),
  'a record of length -1': inside(Buffer.of(1)),
  'a record that ends too early': inside(record.subarray(0, record.length - 1)),
  'a record that is longer than its length': inside(
    Buffer.concat([Buffer.of(record[0]! - 2), record.subarray(1)]),
  ),
  'a record with -1 headers': inside(Buffer.of(12, 0, 0, 0, 1, 1, 1)),
  'a record with a null header': inside(Buffer.of(16, 0, 0, 0, 1, 1, 2, 1, 1)),
  'wrong offset deltas': batch({ records: [{ offsetDelta: 1 }, { offsetDelta: 0 }] }),
  'a time in 61 minutes': batch({ records: [{}, {}], baseTimestamp: inAnHour(1) }),
  'a time in 59 minutes': batch({ records: [{}, {}], baseTimestamp: inAnHour(-1) }),
  'one of two records in 61 minutes': batch({
    records: [{}, { timestampDelta: 120_000 }],
    baseTimestamp: inAnHour(-1),
  }),
  'one compressed record in 61 minutes': batch({ records: [{}], codec: 'gzip', baseTimestamp: inAnHour(1) }),
  'one of two compressed records in 61 minutes': batch({
    records: [{ timestampDelta: 120_000 }, {}],
    codec: 'gzip',
    baseTimestamp: inAnHour(-1),
  }),
  'two compressed records, counted as three': header({ count: 3, lastOffsetDelta: 2 }, { codec: 'gzip' }),
  'log append time bit': header({ attributes: logAppendTime }),
  'log append time bit, gzip': header({ attributes: logAppendTime | 1 }, { codec: 'gzip' }),
  'log append time bit, no time': header({ attributes: logAppendTime, maxTimestamp: -1n }),
  'attribute bits 6 to 14': header({ attributes: 0x7fc0 }),
  'attribute bits 6 to 14 and a wrong newest time': header({ attributes: 0x7fc0, maxTimestamp: 5n }),
  'leader epoch 7': header({ partitionLeaderEpoch: 7 }),
  'no times': batch({ records: [{}], baseTimestamp: -1n }),
  'times of -5': batch({ records: [{}, {}], baseTimestamp: -5n }),
  'a newest time that no record has': header({ maxTimestamp: 1_790_000_000_777n }),
  'epoch and sequence without a producer id': header({ epoch: 3, baseSequence: 4 }),
  'producer id -5': header({ producerId: -5n, epoch: 0, baseSequence: 0 }),
}

export const poisonCases: Case[] = [
  ...Object.entries(BAD).map(([name, bad]) => ({ name: `poison: ${name}`, steps: between(bad) })),
  {
    name: 'poison first: magic 3',
    steps: [
      produce([
        [
          'a',
          [
            [0, header({ magic: 3 })],
            [1, good('g')],
          ],
        ],
        ['b', [[0, good('h')]]],
      ]),
    ],
  },
  {
    name: 'poison first: null records',
    steps: [
      produce([
        [
          'a',
          [
            [0, null],
            [1, good('g')],
          ],
        ],
        ['b', [[0, good('h')]]],
      ]),
    ],
  },
  {
    name: 'poison: null topic',
    steps: [
      produce([
        [null, [[0, good('g')]]],
        ['a', [[0, good('h')]]],
      ]),
    ],
  },
  {
    name: 'poison: null records of an unknown topic',
    steps: [
      produce([
        ['missing', [[0, null]]],
        ['a', [[0, good('g')]]],
      ]),
    ],
  },
  {
    name: 'poison: 30 bytes for an unknown topic',
    steps: [
      produce([
        ['missing', [[0, stub(30)]]],
        ['a', [[0, good('g')]]],
      ]),
    ],
  },
  {
    name: 'poison: magic 3 for an unknown topic',
    steps: [
      produce([
        ['missing', [[0, stub(80, 3)]]],
        ['a', [[0, good('g')]]],
      ]),
    ],
  },
  {
    name: 'poison: null records beside magic 3',
    steps: [
      produce([
        [
          'a',
          [
            [0, null],
            [1, header({ magic: 3 })],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'poison: codec 5 before version 7',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, good('g')],
              [1, garbage(5, record)],
            ],
          ],
        ],
        { version: 6 },
      ),
    ],
  },
  {
    name: 'poison: an internal topic and a bad CRC',
    steps: [
      produce([
        ['__consumer_offsets', [[0, header({ crc: 1 })]]],
        ['a', [[0, good('g')]]],
      ]),
    ],
  },
  {
    name: 'poison: two transactional producers',
    steps: [
      produce(
        [
          [
            'a',
            [
              [0, header({ attributes: transactional }, { producerId: 9003n })],
              [1, header({ attributes: transactional }, { producerId: 9004n })],
            ],
          ],
          ['b', [[0, good('h')]]],
        ],
        { transactionalId: 'two' },
      ),
    ],
  },
  {
    name: 'poison: a transactional batch of an unknown producer',
    steps: [
      produce(
        [
          ['a', [[0, header({ attributes: transactional }, { producerId: 9005n })]]],
          ['b', [[0, good('h')]]],
        ],
        {
          transactionalId: 'unknown',
        },
      ),
    ],
  },
  {
    name: 'poison: a transactional bit without a producer id, in a transaction',
    steps: [one(header({ attributes: transactional }), { transactionalId: 'none' })],
  },
]
