import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Row } from '#test/faults/row.ts'
import { onStage, type SandboxStage, until } from '#test/faults/sandbox-stage.ts'
import { outcomeOf, produceBody, produceOne } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { startGateway } from '#test/support/gateway.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** Rows about what one batch is answered; each opens a stage of its own. */
export const ANSWER_ROWS: Row<void>[] = [
  {
    number: '6',
    name: 'NOT_LEADER after the append: a plain batch is not sent again',
    run: notLeaderAfterAppend,
  },
  { number: '14, 15', name: 're-sent by way of another node while old copies wait', run: otherNode },
  { number: '17', name: 'epoch bump while batches of the old epoch are in flight', run: epochBump },
  { number: '18', name: 'sequences wrap, epoch 32767', run: wrap },
  { number: '22', name: 'max.message.bytes −1, 0, +1', run: largest },
  { number: '30', name: 'acks=0 to a failing topic closes that client only', run: unacknowledged },
  { number: '31', name: 'one cluster throttles: its clients wait, others do not', run: throttled },
  { number: 'restart', name: 'broker restarted between append and re-send: no 45', run: restartedBetween },
]

const TOPIC = [{ topic: 't', partitions: 4 }]
let producers = 0n
const newProducer = (): bigint => (1n << 62n) + 1_000_000n + ++producers

/** Of now: a restarted broker forgets producers whose newest records are a day old by their own time. */
function batchOf(producerId: bigint, baseSequence: number, count = 1, epoch = 0): Buffer {
  const baseTimestamp = BigInt(Date.now())
  const prefix = `${producerId}.${epoch}.${baseSequence}.`
  return plainBatch(prefix, count, { producerId, epoch, baseSequence, baseTimestamp })
}

/** Codes of several batches sent at once on one connection, in order. */
async function codesOf(client: RawClient, partition: number, batches: Buffer[]): Promise<number[]> {
  const sent = batches.map((records) => outcomeOf(client, { partition, records }))
  return (await Promise.all(sent)).map(([code]) => code)
}

const nameIn = (batch: Buffer): string =>
  batch
    .subarray(61)
    .toString('latin1')
    .replace(/[^\d.]/g, '')

/** The values in a log, which name producer, epoch and sequence. */
function storedIn({ sandbox }: SandboxStage, partition: number): string[] {
  return sandbox.log('t', partition).map(({ bytes }) => nameIn(bytes))
}

async function notLeaderAfterAppend(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    const client = await stage.client()
    stage.sandbox.errorAfterAppend(6, { topic: 't', partition: 0 })
    assert.deepEqual(await outcomeOf(client, { records: plainBatch('plain') }), [7, -1])
    await pause(500)
    assert.equal(stage.sandbox.log('t', 0).length, 1, 'not sent again')
    const fault = stage.sandbox.errorAfterAppend(6, { topic: 't', partition: 1 })
    const records = batchOf(newProducer(), 0)
    assert.deepEqual(await outcomeOf(client, { partition: 1, records }), [0, 0], 'the original offset')
    assert.equal(fault.hits, 1)
    assert.equal(stage.sandbox.log('t', 1).length, 1, 'found as a duplicate')
    return 'plain: 7, stored once; idempotent: 0 at the original offset, stored once'
  })
}

/** Node A holds 8 batches when its client has long gone to node B; A's connection looks alive all the while. */
async function otherNode(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    const { sandbox } = stage
    const slow = await startGateway({
      clusters: {},
      routes: { t: 'c' },
      settings: {
        node: { id: 'gw-a' },
        clusters: [
          { name: 'c', portOffset: 1, bootstrapServers: sandbox.bootstrap.split(','), clientId: 'sluice-a' },
        ],
      },
    })
    try {
      const old = await RawClient.connect(slow.port)
      assert.equal((await outcomeOf(old, { partition: 3 }))[0], 0)
      sandbox.delay(3000, { clientId: 'sluice-a', api: 'Produce' })
      const id = newProducer()
      const stale = codesOf(
        old,
        0,
        Array.from({ length: 8 }, (_, i) => batchOf(id, i)),
      )
      await until('the first is stored', () => sandbox.log('t', 0).length > 0)
      const fresh = await stage.client()
      const codes = await codesOf(
        fresh,
        0,
        Array.from({ length: 16 }, (_, i) => batchOf(id, i)),
      )
      assert.deepEqual(codes, new Array(16).fill(0), 'the living connection sees no error')
      const told = await stale
      assert.ok(
        told.every((code) => [0, 19, 45].includes(code)),
        String(told),
      )
      const expected = Array.from({ length: 16 }, (_, i) => nameIn(batchOf(id, i)))
      assert.deepEqual(storedIn(stage, 0), expected, 'each once, in order')
      await old.close()
      const toDead = `node A answered ${told.join(' ')} to the dead connection`
      return `16 batches acknowledged by node B, ${toDead}; each stored once, in order`
    } finally {
      await slow.close()
    }
  })
}

async function epochBump(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    const client = await stage.client()
    const id = newProducer()
    stage.sandbox.delay(200, { api: 'Produce' })
    const batches = [
      batchOf(id, 0),
      batchOf(id, 1),
      batchOf(id, 2),
      batchOf(id, 0, 1, 1),
      batchOf(id, 1, 1, 1),
    ]
    assert.deepEqual(await codesOf(client, 0, batches), [0, 0, 0, 0, 0])
    assert.deepEqual(await codesOf(client, 0, [batchOf(id, 3)]), [47], 'the old epoch')
    assert.deepEqual(await codesOf(client, 0, [batchOf(id, 2, 1, 1)]), [0], 'the new one goes on')
    const expected = [...batches, batchOf(id, 2, 1, 1)].map(nameIn)
    assert.deepEqual(storedIn(stage, 0), expected)
    return '3 of the old and 2 of the new epoch in flight: all stored in order; then old 47, new 0'
  })
}

async function wrap(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    const client = await stage.client()
    const between = newProducer()
    const inside = newProducer()
    const last = 0x7fffffff
    const codes = [
      ...(await codesOf(client, 0, [batchOf(between, last), batchOf(between, 0), batchOf(between, 1)])),
      ...(await codesOf(client, 1, [batchOf(inside, last - 1, 4), batchOf(inside, 2), batchOf(inside, 3)])),
      ...(await codesOf(client, 2, [batchOf(newProducer(), 0, 1, 32_767)])),
    ]
    assert.deepEqual(codes, new Array(7).fill(0))
    assert.deepEqual(
      [0, 1, 2].map((index) => stage.sandbox.endOffset('t', index)),
      [3, 6, 1],
    )
    return '7 batches accepted, as a broker does'
  })
}

async function largest(): Promise<string> {
  const topics = [...TOPIC, { topic: 't.split', partitions: 2, config: { 'max.message.bytes': '20000' } }]
  return onStage({ topics }, async (stage) => {
    const client = await stage.client()
    const limit = 1_048_588
    const sized = (bytes: number): Buffer => {
      const around = plainBatch('', 1, {}).length
      const one = (value: number) => plainBatch('x'.repeat(value), 1)
      // The lengths within grow with the value: the difference is found by trying.
      let value = bytes - around
      while (one(value).length > bytes) value--
      return one(value)
    }
    const sizes = [limit - 1, limit, limit + 1]
    const codes: number[] = []
    for (const size of sizes) {
      const records = sized(size)
      assert.equal(records.length, size)
      codes.push((await outcomeOf(client, { records }))[0])
    }
    assert.deepEqual(codes, [0, 0, 10])
    const properties = { 'batch.size': '200000', 'linger.ms': '300' }
    const options = {
      topics: ['t.split'],
      kinds: ['java' as const],
      perSecond: 500,
      valueBytes: 1000,
      properties,
    }
    const { ledgers, told } = await stage.under(options, (crew) => crew.goOn(1000))
    assert.ok(
      ledgers[0]!.outcomes.every(({ error }) => error === null),
      told,
    )
    const state = await stage.gateway.waitFor(
      'counted',
      ({ clusters }) => (clusters.c!.errorCodes[10] ?? 0) > 1,
    )
    return `0, 0, 10; Java split its batches after ${state.clusters.c!.errorCodes[10]! - 1} answers 10: ${told}`
  })
}

async function unacknowledged(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    const [failing, well] = (await stage.clients(2)) as [RawClient, RawClient]
    // Both have a lane, perhaps of two workers, before anything fails.
    for (const client of [failing, well]) assert.equal((await outcomeOf(client, { partition: 1 }))[0], 0)
    const connects = async () => (await stage.gateway.state()).clusters.c!.connects
    await pause(1200)
    const before = await connects()
    stage.sandbox.errorBeforeAppend(29, { topic: 't', partition: 0 })
    failing.post('produce', 9, produceBody({ acks: 0 }))
    await failing.closed
    for (let i = 0; i < 20; i++) assert.equal((await outcomeOf(well, { partition: 1 }))[0], 0)
    assert.equal(well.isClosed, false)
    await pause(1200)
    assert.equal(await connects(), before, 'the shared connections live')
    return 'its connection closed; 20 batches of the neighbour stored, no upstream connection lost'
  })
}

async function throttled(): Promise<string> {
  return onStage({ topics: TOPIC }, async (stage) => {
    return onStage({ topics: TOPIC, clusterId: 'other' }, async (other) => {
      const client = await stage.client()
      const well = await other.client()
      assert.equal((await outcomeOf(client))[0], 0)
      stage.sandbox.throttle(3000)
      const began = performance.now()
      const slow = (async () => {
        const codes: number[] = []
        for (let i = 0; i < 3; i++)
          codes.push((await produceOne(client, { records: plainBatch(`v${i}`) })).errorCode)
        return codes
      })()
      let meanwhile = 0
      let over = false
      void slow.finally(() => (over = true))
      while (!over || meanwhile < 50) {
        assert.equal((await outcomeOf(well))[0], 0)
        meanwhile++
      }
      assert.deepEqual(await slow, [0, 0, 0], 'slower, and no timeout')
      assert.equal(stage.sandbox.log('t', 0).length, 4)
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      return `3 batches acknowledged in ${seconds} s, ${meanwhile} of the other cluster meanwhile`
    })
  })
}

async function restartedBetween(): Promise<string> {
  return onStage({ topics: TOPIC, brokers: 1 }, async (stage) => {
    const { sandbox } = stage
    const client = await stage.client()
    const id = newProducer()
    const rounds = 10
    for (let round = 0; round < rounds; round++) {
      const fault = sandbox.cutAfterAppend({ topic: 't', partition: 0 })
      const batches = Array.from({ length: 5 }, (_, i) => batchOf(id, round * 5 + i))
      const answered = codesOf(client, 0, batches)
      await until('appended and cut', () => fault.hits === 1)
      await sandbox.brokers[0]!.restart()
      assert.deepEqual(await answered, [0, 0, 0, 0, 0], `round ${round}`)
    }
    const expected = Array.from({ length: rounds * 5 }, (_, i) => nameIn(batchOf(id, i)))
    assert.deepEqual(storedIn(stage, 0), expected, 'each once, in order')
    return `${rounds} restarts, ${rounds * 5} batches pipelined by 5: no 45, each stored once, in order`
  })
}
