import type { Case, ProduceStep } from '#test/equivalence/case.ts'
import { burst, one, produce } from '#test/equivalence/case.ts'
import { plainBatch } from '#test/support/batches.ts'

/** Producers with an id: what a partition remembers of them (broker-facts.md §1). */

type Batch = [sequence: number, count?: number, epoch?: number, value?: string]

let id = 0x4000_0000_0000_0000n
const LAST = 0x7fffffff

/** One producer's batches on one partition, one after the other. */
function sequences(name: string, batches: Batch[], producerId = id++): Case {
  const steps = batches.map(([baseSequence, count = 1, epoch = 0, value = 'v']) =>
    one(plainBatch(value, count, { producerId, baseSequence, epoch })),
  )
  return { name: `producer: ${name}`, steps }
}

function plain(producerId: bigint, baseSequence: number, count = 1): Buffer {
  return plainBatch('v', count, { producerId, baseSequence })
}

const seven: Batch[] = [[0], [1], [2], [3], [4], [5], [6]]

/** Five batches before a restart, and again behind it. */
function restart(name: string, baseTimestamp: bigint, producerId = id++): Case {
  const batchOf = (baseSequence: number) =>
    one(plainBatch('v', 1, { producerId, baseSequence, baseTimestamp }))
  return {
    name: `producer: after a restart ${name}`,
    steps: [0, 1, 2, 3, 4].map(batchOf),
    afterRestart: [0, 1, 2, 3, 4, 5, 4].map(batchOf),
  }
}

export const idempotentCases: Case[] = [
  restart('only the last batch is known', BigInt(Date.now())),
  restart('a producer of old records is unknown', 1_790_000_000_000n),
  sequences('in sequence', [[0, 3], [3, 2], [5]]),
  sequences('the same again', [[0, 3], [3, 2], [0, 3], [3, 2], [5]]),
  sequences('the same sequences with other bytes', [[0, 2], [0, 2, 0, 'other'], [2]]),
  sequences('a part of a batch', [
    [0, 3],
    [0, 2],
  ]),
  sequences('an overlap', [
    [0, 3],
    [2, 3],
  ]),
  sequences('a gap', [[0, 3], [4], [3]]),
  sequences('seven batches, then the seventh, third, second and first again', [
    ...seven,
    [6],
    [2],
    [1],
    [0],
    [7],
  ]),
  sequences('any first sequence', [[77], [78], [0], [76], [79]]),
  sequences('a first sequence in the middle, again', [[77, 2], [77, 2], [77], [79]]),
  sequences('epochs', [
    [9, 1, 5],
    [0, 1, 6],
    [3, 1, 7],
    [4, 1, 4],
    [0, 1, 7],
    [1, 1, 7],
    [0, 1, 6],
  ]),
  sequences('a duplicate of an older epoch', [[0], [0, 1, 1], [0], [0, 1, 1]]),
  sequences('epoch -1', [[0, 1, -1], [0, 1, -1], [5, 1, -1], [1, 1, -1], [0], [1]]),
  sequences('epoch -5', [[0, 1, -5], [0]]),
  sequences('the largest id', [[0], [0], [1]], 0x7fff_ffff_ffff_ffffn),
  sequences('id 0', [[0], [0], [1]], 0n),
  sequences('the end of the sequences between two batches', [[LAST], [0], [1], [LAST], [0]]),
  sequences('the end of the sequences inside a batch', [[LAST - 1, 3], [1], [LAST - 1, 3], [1], [3]]),
  sequences('the end of the sequences, and a gap', [[LAST], [1]]),
  sequences('epoch 32767', [
    [0, 1, 32767],
    [1, 1, 32767],
    [2, 1, -32768],
  ]),
  {
    name: 'producer: each partition by itself',
    steps: [
      produce([
        [
          'a',
          [
            [0, plain(id, 0)],
            [1, plain(id, 4)],
          ],
        ],
        ['b', [[0, plain(id, 9)]]],
      ]),
      produce([
        [
          'a',
          [
            [0, plain(id, 1)],
            [1, plain(id, 4)],
          ],
        ],
        ['b', [[0, plain(id++, 11)]]],
      ]),
    ],
  },
  {
    name: 'producer: three in one request, one out of order',
    steps: [
      produce([['a', [[0, plain(id, 0)]]]]),
      produce([
        [
          'a',
          [
            [0, plain(id++, 2)],
            [1, plain(id++, 0)],
          ],
        ],
        ['b', [[0, plainBatch('v')]]],
      ]),
    ],
  },
  {
    name: 'producer: two on one partition in one request',
    steps: [
      produce([
        [
          'a',
          [
            [0, plain(id++, 0)],
            [0, plain(id++, 0, 2)],
          ],
        ],
      ]),
    ],
  },
  {
    name: 'producer: duplicates with the other acks',
    steps: [
      one(plain(id, 0), { acks: 1 }),
      one(plain(id, 0), { acks: 0 }),
      one(plain(id, 0), { acks: 1, version: 3 }),
      one(plain(id++, 1), { acks: 0 }),
    ],
  },
  {
    name: 'producer: out of order with acks 0',
    steps: [one(plain(id, 0)), one(plain(id++, 5), { acks: 0 })],
  },
  { name: 'producer: five in flight', steps: [burst(...flight(id++))] },
  {
    name: 'producer: a duplicate of compressed batches',
    steps: [0, 1, 0, 1].map((baseSequence) =>
      one(plainBatch('v', 1, { codec: 'zstd', producerId: 0x4000_0000_0000_ffffn, baseSequence })),
    ),
  },
  {
    name: 'producer: a duplicate on a topic that goes by the clock of the broker',
    steps: [1, 0, 0].map((p) => produce([['append-time', [[1, plain(0x4000_0000_0001_0000n, 1 - p)]]]])),
  },
]

function flight(producerId: bigint): ProduceStep[] {
  return [0, 1, 1, 3, 2].map((sequence) => one(plain(producerId, sequence)))
}
