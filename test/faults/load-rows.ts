import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { crc32c } from '#protocol/crc.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import { applicationErrors, Crew, story } from '#test/faults/crew.ts'
import { assertNoErrors } from '#test/faults/kafka-stage.ts'
import type { Row } from '#test/faults/row.ts'
import { onStage, type SandboxStage, until } from '#test/faults/sandbox-stage.ts'
import { outcomeOf } from '#test/sandbox/kit.ts'
import { batch, plainBatch } from '#test/support/batches.ts'
import { assertCriterion } from '#test/support/criterion.ts'
import { startGateway } from '#test/support/gateway.ts'
import { readLog } from '#test/support/java-client.ts'
import { residentBytes, workerPids } from '#test/support/neighbours.ts'
import { freePortRange } from '#test/support/ports.ts'
import { run as runProgram } from '#test/support/processes.ts'
import { generatedValue, readGeneratedValue } from '#test/support/producer-spec.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** Rows about many clients at once, real ones where it matters; each opens a stage of its own. */
export const LOAD_ROWS: Row<void>[] = [
  {
    number: '1',
    name: 'SIGKILL of the node under load, another one takes its ports',
    run: (_stage, ms) => killedNode(ms ? 3 : 1),
  },
  {
    number: '3',
    name: 'SIGSTOP of the node for some seconds',
    run: (_stage, ms = 3000) => stoppedNode(ms),
  },
  {
    number: '11 (slow)',
    name: 'one partition takes seconds: the others of its broker go on',
    run: (_stage, ms = 6000) => slowPartition(ms / 4),
  },
  { number: '11 (hot)', name: '500 producers on one partition: all stored, none starved', run: hotPartition },
  { number: '12', name: '100 ms and 1 Mbit/s on both sides of the gateway', run: badWire },
  {
    number: '26',
    name: 'librdkafka without end against stalled brokers',
    run: (_stage, ms = 2000) => endless(ms),
  },
  { number: '32', name: 'topic deleted and made anew, partitions added', run: topicAnew },
  { number: '38', name: 'no more file descriptors: those who are connected go on', run: noDescriptors },
  {
    number: '39',
    name: 'writes stall and batches expire: no buffer is used twice',
    run: (_stage, ms = 6000) => reusedBuffers(ms),
  },
  { number: '40', name: 'bits flipped on both sides of the gateway: never stored', run: flippedBits },
]

const MIB = 1024 * 1024

async function killedNode(kills: number): Promise<string> {
  const sandbox = await startSandbox({
    brokers: 3,
    retainBytes: 'all',
    topics: [{ topic: 't', partitions: 6 }],
  })
  const firstPort = await freePortRange(2)
  const options = { clusters: { c: sandbox.bootstrap }, routes: { t: 'c' }, firstPort }
  let gateway = await startGateway(options)
  const crew = await Crew.start({ bootstrap: gateway.bootstrap, topics: ['t'] })
  try {
    for (let round = 0; round < kills; round++) {
      await crew.goOn(40)
      await gateway.close()
      gateway = await startGateway(options)
      await crew.goOn(20)
    }
    const ledgers = await crew.finish()
    assertCriterion(ledgers, { clusters: { c: await readLog(sandbox.bootstrap, ['t']) } })
    return `${kills} kills; ${story(ledgers)}`
  } finally {
    await crew.kill()
    await gateway.close()
    await sandbox.close()
  }
}

async function stoppedNode(ms: number): Promise<string> {
  return onStage({ brokers: 3, topics: [{ topic: 't', partitions: 6 }] }, async (stage) => {
    const pids = [stage.gateway.running.pid, ...workerPids(stage.gateway.running.pid)]
    const options = { topics: ['t'], kinds: ['java', 'rdkafka-once', 'rdkafka'] as const }
    const { ledgers, told } = await stage.under({ ...options, kinds: [...options.kinds] }, async (crew) => {
      await crew.goOn(40)
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await pause(ms)
      for (const pid of pids) process.kill(pid, 'SIGCONT')
      await crew.goOn(100)
    })
    assertNoErrors(ledgers)
    return `stopped for ${ms / 1000} s; ${told}`
  })
}

/** Who shares the first slow submission waits with it: it is one request. From then on the slow one is alone. */
async function slowPartition(ms: number): Promise<string> {
  const settings = { node: { id: 'gw-test', workers: 1 } }
  return onStage({ topics: [{ topic: 't', partitions: 8 }], settings }, async (stage) => {
    const clients = await stage.clients(8)
    const warm = clients.map((client, partition) => outcomeOf(client, { partition }))
    assert.ok((await Promise.all(warm)).every(([code]) => code === 0))
    stage.sandbox.slowPartition('t', 0, ms)
    const acks = new Array<number>(7).fill(0)
    let over = false
    const neighbours = clients.slice(1).map(async (client, i) => {
      for (; !over; acks[i]!++) assert.equal((await outcomeOf(client, { partition: i + 1 }))[0], 0)
    })
    for (const one of neighbours) one.catch(() => {})
    const told: string[] = []
    for (let round = 0; round < 3; round++) {
      const from = [...acks]
      assert.equal((await outcomeOf(clients[0]!, { partition: 0 }))[0], 0)
      const counts = acks.map((count, i) => count - from[i]!)
      told.push(`${Math.min(...counts)} to ${Math.max(...counts)}`)
      if (round > 0) assert.ok(Math.min(...counts) >= 20, `round ${round}: ${counts.join(' ')} acks`)
    }
    over = true
    await Promise.all(neighbours)
    return `acks of each of 7 neighbours while one ack took ${ms / 1000} s, three times: ${told.join('; ')}`
  })
}

async function hotPartition(): Promise<string> {
  const each = 20
  return onStage({ topics: [{ topic: 't', partitions: 2 }] }, async (stage) => {
    const clients = await stage.clients(500)
    const progress = new Array<number>(clients.length).fill(0)
    let slowestAtFirstEnd = -1
    const ended = clients.map(async (client, number) => {
      for (let i = 0; i < each; i++) {
        const records = plainBatch(`p${number}.${i}.`)
        assert.equal((await outcomeOf(client, { records }))[0], 0)
        progress[number]!++
      }
      if (slowestAtFirstEnd < 0) slowestAtFirstEnd = Math.min(...progress)
    })
    await Promise.all(ended)
    const seen = new Map<number, number>()
    for (const { bytes } of stage.sandbox.log('t', 0)) {
      const [, number, i] = /p(\d+)\.(\d+)\./.exec(bytes.subarray(61).toString('latin1'))!
      assert.equal(Number(i), seen.get(Number(number)) ?? 0, `order of producer ${number}`)
      seen.set(Number(number), Number(i) + 1)
    }
    assert.equal(stage.sandbox.log('t', 0).length, clients.length * each)
    assert.ok(slowestAtFirstEnd >= each / 4, `one had ${slowestAtFirstEnd} acks when the first had ${each}`)
    const slowest = `the slowest had ${slowestAtFirstEnd} acks when the first had ${each}`
    return `${clients.length * each} batches stored once, in order; ${slowest}`
  })
}

async function badWire(): Promise<string> {
  const topics = [{ topic: 't', partitions: 6 }]
  return onStage({ proxied: true, brokers: 3, topics }, async (stage) => {
    for (const proxy of [...stage.proxies, ...stage.doors]) {
      for (const wire of [proxy.requests, proxy.answers]) {
        wire.delayMs = 50
        wire.bytesPerSecond = 125_000
      }
    }
    const { ledgers, told } = await stage.under({ topics: ['t'], perSecond: 10 }, (crew) => crew.goOn(20))
    assertNoErrors(ledgers)
    return told
  })
}

async function endless(ms: number): Promise<string> {
  const perSecond = 10_000
  const limits = { memory: '64MiB', maxFrameBytes: '4MiB' }
  const settings = { node: { id: 'gw-test', workers: 1 }, limits }
  return onStage({ topics: [{ topic: 't', partitions: 4 }], settings }, async (stage) => {
    const before = residentBytes(stage.gateway.running.pid)
    const properties = { 'queue.buffering.max.messages': '1000000', 'linger.ms': '0' }
    const options = { topics: ['t'], kinds: ['rdkafka-once' as const], perSecond, properties }
    let grown = 0
    let peak = 0
    const { ledgers, told } = await stage.under(options, async (crew) => {
      await crew.goOn(100)
      stage.sandbox.stall(1)
      for (const end = performance.now() + ms; performance.now() < end; ) {
        await pause(200)
        grown = Math.max(grown, residentBytes(stage.gateway.running.pid) - before)
      }
      const { nodes, clusters } = await stage.gateway.state()
      const node = nodes['gw-test']!
      peak = node.reservedPeak
      assert.ok(peak <= node.memoryBudget, `${peak} bytes reserved`)
      assert.ok(clusters.c!.waiting <= 128 * 8, `${clusters.c!.waiting} batches read ahead`)
      stage.sandbox.unstall(1)
      await crew.goOn(perSecond)
    })
    assertNoErrors(ledgers)
    assert.ok(grown < 200 * MIB, `${Math.round(grown / MIB)} MiB more`)
    const memory = `ledger at most ${(peak / MIB).toFixed(1)} MiB, memory +${Math.round(grown / MIB)} MiB`
    return `stalled for ${ms / 1000} s; ${told}; ${memory}`
  })
}

/** What was acknowledged before the deletion is gone with it: the rest is counted, not held against a ledger. */
async function topicAnew(): Promise<string> {
  return onStage({ topics: [{ topic: 't.old', partitions: 2 }] }, async (stage) => {
    const { sandbox } = stage
    const properties = { 'metadata.max.age.ms': '1000' }
    const options = { bootstrap: stage.bootstrap, topics: ['t.old'], properties }
    const crew = await Crew.start({ ...options, kinds: ['java', 'rdkafka-once', 'rdkafka'] })
    try {
      await crew.goOn(40)
      sandbox.deleteTopic('t.old')
      await pause(1500)
      sandbox.createTopic({ topic: 't.old', partitions: 2 })
      await crew.goOn(60)
      sandbox.addPartitions('t.old', 4)
      await until('the new partitions are used', () =>
        [2, 3].every((at) => sandbox.endOffset('t.old', at) > 0),
      )
      const from = crew.producers.map(({ outcomes }) => outcomes.length)
      await crew.goOn(40)
      const ledgers = await crew.finish()
      const late = ledgers.flatMap(({ outcomes }, i) => outcomes.slice(from[i]))
      assert.deepEqual(
        late.filter(({ error }) => error !== null),
        [],
        'success after the change',
      )
      for (const { partition, offset } of late) {
        assert.ok(offset < sandbox.endOffset('t.old', partition!), `acknowledged at ${partition}@${offset}`)
      }
      const codes = (await stage.gateway.state()).clusters.c!.errorCodes
      const answered = `gateway answered ${JSON.stringify(codes)}`
      return `${late.length} records after it acknowledged, new partitions used; ${answered}`
    } finally {
      await crew.kill()
    }
  })
}

async function noDescriptors(): Promise<string> {
  const settings = { node: { id: 'gw-test', workers: 1 } }
  return onStage({ topics: [{ topic: 't', partitions: 2 }], settings }, async (stage) => {
    const { gateway } = stage
    const client = await stage.client()
    assert.equal((await outcomeOf(client))[0], 0)
    const pids = [gateway.running.pid, ...workerPids(gateway.running.pid)]
    for (const pid of pids) await runProgram('prlimit', ['--pid', String(pid), '--nofile=120:120'])
    const crowd = await Promise.all(
      Array.from({ length: 300 }, () => RawClient.connect(gateway.port).catch(() => null)),
    )
    for (let i = 0; i < 50; i++) assert.equal((await outcomeOf(client))[0], 0, 'who is connected goes on')
    const open = crowd.filter((one) => one && !one.isClosed).length
    await Promise.all(crowd.map((one) => one?.close()))
    const hello = async (): Promise<boolean> => {
      const late = await RawClient.connect(gateway.port).catch(() => null)
      if (!late) return false
      const answered = await late.request('apiVersions', 0, {}, 2000).then(
        () => true,
        () => false,
      )
      await late.close()
      return answered
    }
    const deadline = Date.now() + 20_000
    while (!(await hello())) assert.ok(Date.now() < deadline, 'accepts again once there is room')
    assert.deepEqual(pids, [gateway.running.pid, ...workerPids(gateway.running.pid)], 'nobody died')
    const after = '50 batches of a neighbour stored, then accepts again'
    return `300 connections at a limit of 120 descriptors: ${open} open, ${after}`
  })
}

async function flippedBits(): Promise<string> {
  const topics = [{ topic: 't', partitions: 6 }]
  return onStage({ proxied: true, brokers: 3, topics }, async (stage) => {
    const wires = [...stage.proxies, ...stage.doors]
    const kinds = ['java', 'rdkafka-once', 'rdkafka', 'kafkajs'] as const
    const { told, ledgers } = await stage.under(
      { topics: ['t'], kinds: [...kinds], valueBytes: 500 },
      async (crew) => {
        await crew.goOn(20)
        for (const proxy of wires) proxy.bytesPerFlip = 20_000
        await crew.goOn(200)
        for (const proxy of wires) proxy.bytesPerFlip = Infinity
        await crew.goOn(20)
      },
    )
    // 53: the bit made it a transactional batch, which brokers look at before the CRC.
    const errors = applicationErrors(ledgers).filter((error) => !error.includes(' 53×'))
    assert.deepEqual(errors, [], 'a damaged batch is sent again')
    const [before, behind] = [stage.doors, stage.proxies].map((list) =>
      list.reduce((sum, { flips }) => sum + flips, 0),
    )
    assert.ok(before! > 0 && behind! > 0, `${before} and ${behind} bits`)
    const { refusals } = (await stage.gateway.state()).nodes['gw-test']!
    const refused = `refused by the gateway ${JSON.stringify(refusals)}`
    return `${before} bits flipped before the gateway, ${behind} behind it, ${refused}; ${told}`
  })
}

interface Told {
  name: string
  partition: number
  code: number
  offset: number
}

/** Batches of all sizes time out while their bytes wait to be written; what is stored must be what was sent. */
async function reusedBuffers(ms: number): Promise<string> {
  const partitions = 8
  return onStage({ proxied: true, topics: [{ topic: 't', partitions }] }, async (stage) => {
    const clients = await stage.clients(24)
    const told: Told[] = []
    let over = false
    const running = clients.map(async (client, number) => {
      for (let i = 0; !over; i++) {
        const partition = (number + i) % partitions
        const name = `p${number}.${i}`
        const value = generatedValue(name, 't', partition, 100 + ((number * 7919 + i * 104_729) % 200_000))
        const records = batch({ records: [{ value }] })
        const [code, offset] = await outcomeOf(client, { partition, records, timeoutMs: 1500 })
        told.push({ name, partition, code, offset })
      }
    })
    for (const end = performance.now() + ms; performance.now() < end; ) {
      await pause(500)
      for (const proxy of stage.proxies) proxy.requests.isStalled = true
      await pause(1500)
      for (const proxy of stage.proxies) proxy.requests.isStalled = false
    }
    over = true
    await Promise.all(running)
    await stage.gateway.waitFor('idle', ({ clusters }) => clusters.c!.waiting === 0)
    const stored = checkContents(stage, partitions)
    const lost = told.filter(({ code, name, offset }) => code === 0 && stored.get(name) !== offset)
    assert.deepEqual(lost, [], 'acknowledged and not there')
    const ghosts = told.filter(({ code, name }) => code === 19 && stored.has(name))
    assert.deepEqual(ghosts, [], 'surely not stored, and there')
    const count = (wanted: number) => told.filter(({ code }) => code === wanted).length
    assert.ok(count(7) + count(19) > 0, 'some expired')
    const codes = `${count(0)} acknowledged, ${count(7)}×7, ${count(19)}×19`
    return `${told.length} batches of 100 B to 200 KB: ${codes}; all ${stored.size} stored are intact`
  })
}

/** @returns the offset of each record by its name. @throws if one is damaged or in the wrong place */
function checkContents({ sandbox }: SandboxStage, partitions: number): Map<string, number> {
  const found = new Map<string, number>()
  for (let partition = 0; partition < partitions; partition++) {
    for (const { bytes, offset } of sandbox.log('t', partition)) {
      assert.equal(crc32c(bytes.subarray(21)), bytes.readUInt32BE(17), `CRC of ${partition}@${offset}`)
      // Behind the value stands the number of headers, 0, in one byte.
      const start = bytes.indexOf('p', 61)
      const value = readGeneratedValue(bytes.subarray(start, -1))
      assert.ok(value, `the record at ${partition}@${offset} is damaged`)
      assert.equal(value.seq, partition, `${value.name} was sent to ${value.seq}`)
      assert.ok(!found.has(value.name), `${value.name} is there twice`)
      found.set(value.name, offset)
    }
  }
  return found
}
