import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectionsBetween, sumCounters } from '#loadtests/compare/brokers.ts'
import { figuresOf } from '#loadtests/compare/figures.ts'
import { Histogram } from '#loadtests/compare/histogram.ts'
import type { Plan as GeneratorPlan } from '#loadtests/compare/plan.ts'
import { processTree, usageOf } from '#loadtests/compare/processes.ts'
import type { Result } from '#loadtests/compare/result.ts'
import { randomFrom, Schedule } from '#loadtests/compare/schedule.ts'
import { patch, produceRequest, readProduceAnswer, recordBatch } from '#loadtests/compare/wire.ts'
import { cell, interleaved, ratio } from '#loadtests/pairs.ts'
import { head, type Plan, rows } from '#loadtests/table.ts'
import { apis } from '#protocol/apis.ts'
import { finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { encodeProduceResponse, readProduceRequest } from '#protocol/produce-wire.ts'
import { Reader } from '#protocol/reader.ts'
import { findBatchFault, recordsCount } from '#protocol/record-batch.ts'
import { start } from '#test/support/processes.ts'

describe('histogram', () => {
  test('gives quantiles to within half a percent, and never more than the largest', () => {
    const histogram = new Histogram()
    for (let i = 1; i <= 10_000; i++) histogram.add(i / 100)
    for (const share of [0.5, 0.95, 0.99]) {
      const exact = share * 100
      assert.ok(Math.abs(histogram.quantile(share) - exact) < 0.006 * exact, `${share}`)
    }
    assert.ok(histogram.quantile(1) <= 100)
    assert.equal(histogram.summary().max, 100)
    assert.equal(histogram.count, 10_000)
  })

  test('is 0 while empty, and takes what is shorter than a microsecond or negative', () => {
    const histogram = new Histogram()
    assert.deepEqual(histogram.summary(), { p50: 0, p95: 0, p99: 0, max: 0 })
    histogram.add(-1)
    histogram.add(0.0001)
    assert.equal(histogram.count, 2)
    assert.ok(histogram.quantile(0.5) <= 0.001)
  })
})

describe('schedule', () => {
  test('equal seeds give equal times, at the rate asked for', () => {
    const [a, b] = [new Schedule(0, 1000, false, 7), new Schedule(0, 1000, false, 7)]
    for (let i = 0; i < 100_000; i++) {
      a.advance()
      b.advance()
      assert.equal(a.at, b.at)
    }
    assert.ok(Math.abs(a.at / 100_000 - 1) < 0.02, `${a.at}`)
  })

  test('even arrivals are equally far apart', () => {
    const schedule = new Schedule(5, 200, true, 1)
    schedule.advance()
    schedule.advance()
    assert.equal(schedule.at, 15)
  })
})

describe('wire', () => {
  test('batches pass the checks of the gateway, checksum included', () => {
    for (const [records, bytes] of [
      [1, 150],
      [64, 1000],
      [200, 0],
    ] as const) {
      const batch = recordBatch(records, bytes, randomFrom(1))
      assert.equal(findBatchFault(batch, 9), null)
      assert.equal(recordsCount(batch), records)
    }
  })

  test('Produce requests are what the codec reads, under the name of their producer', () => {
    const batch = recordBatch(3, 20, randomFrom(1))
    const { head: first, tail } = produceRequest(
      'load-00000',
      { topic: 'orders', index: 7, leader: 1 },
      batch,
    )
    patch(first, 42, Buffer.from('load-00123'))
    const frame = Buffer.concat([first, batch, tail])
    assert.equal(frame.readInt32BE(0), frame.length - 4)
    const reader = new Reader(frame.subarray(4))
    const header = readRequestHeader(reader)
    assert.deepEqual(header, { apiKey: 0, apiVersion: 9, correlationId: 42, clientId: 'load-00123' })
    finishRequestHeader(reader, apis.produce, 9)
    const { topics, acks } = readProduceRequest(reader, 9)
    assert.equal(acks, -1)
    assert.deepEqual(topics, [{ name: 'orders', partitions: [{ index: 7, records: batch }] }])
  })

  test('finds id and error code in an answer', () => {
    const result = {
      baseOffset: 5,
      logAppendTimeMs: -1,
      logStartOffset: 0,
      recordErrors: null,
      errorMessage: null,
    }
    const partitions = [{ index: 3, errorCode: 19, ...result }]
    const frame = encodeProduceResponse(9, 77, [{ name: 'orders', partitions }], 0)
    assert.deepEqual(readProduceAnswer(frame, 4), { correlation: 77, errorCode: 19 })
  })
})

describe('what is read beside the load', () => {
  test('CPU and memory of a process and of what it started', async () => {
    const burn = 'const end = Date.now() + 1500; while (Date.now() < end);'
    const code = `const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn)} +
      'console.log(1); setTimeout(() => {}, 60000)'], { stdio: 'inherit' }); setTimeout(() => {}, 60000)`
    const parent = await start(process.execPath, ['-e', code])
    try {
      await parent.waitForLine(/^1$/, 60_000)
      assert.equal(processTree([parent.pid]).length, 2)
      const { root, below } = usageOf({ both: [parent.pid] }).both!
      assert.ok(below.cpu > 0.01 && below.cpu < 60, `${below.cpu}`)
      assert.ok(root.resident > 10e6 && below.resident > 10e6)
    } finally {
      for (const pid of processTree([parent.pid]).slice(1)) process.kill(pid, 'SIGKILL')
      await parent.stop('SIGKILL')
    }
  })

  test('adds the counters of all brokers up, whatever labels they carry', () => {
    const page = `# HELP bench_produce x
bench_produce{of=", version=9"} 10.0
bench_produce{of=", version=12"} 3.0
bench_records 40.0
bench_connections{of=", listener=A"} 2.0
bench_connections{of=", listener=B"} 1.2E3
bench_produce_other 7.0`
    assert.deepEqual(sumCounters(`${page}\n${page}`), { produce: 26, records: 80, connections: 2404 })
    assert.throws(() => sumCounters('something else'), /connections/)
  })

  test('tells connections that carried a Produce from others', () => {
    const before = new Map([['a', { received: 5000, sent: 100 }]])
    const after = new Map([
      ['a', { received: 5050, sent: 120 }],
      ['new', { received: 400, sent: 80 }],
      ['metadata', { received: 300, sent: 4000 }],
    ])
    assert.deepEqual(connectionsBetween(before, after), { produce: 1, others: 2 })
  })

  test('figures follow from counts and CPU times', () => {
    const usage = (gateway: number, workers: number, brokers: number) => ({
      gateway: { root: { cpu: gateway, resident: 10e6 }, below: { cpu: workers, resident: 50e6 } },
      brokers: { root: { cpu: brokers, resident: 1e9 }, below: { cpu: 0, resident: 0 } },
    })
    const quantiles = { p50: 1, p95: 2, p99: 3, max: 4 }
    const result = {
      seconds: 10,
      acked: 50_000,
      allSent: 70_000,
      allAcked: 69_999,
      latency: quantiles,
      service: quantiles,
      lateness: quantiles,
      usage: { atStart: usage(0, 0, 0), before: usage(1, 2, 5), after: usage(1.1, 3.9, 6) },
      connections: { produce: 2, others: 3 },
      counters: {
        before: { produce: 100, records: 1000, connections: 0 },
        after: { produce: 7100, records: 71_000, connections: 20 },
      },
    } as unknown as Result
    const plan = { producers: 1000, batch: { records: 1, recordBytes: 150 } } as GeneratorPlan
    const figures = figuresOf(result, plan)
    assert.equal(figures['gateway µs/record']!.toFixed(3), '40.000')
    assert.equal(figures['control µs/record']!.toFixed(3), '2.000')
    assert.equal(figures['broker µs/record']!.toFixed(3), '20.000')
    assert.equal(figures['gateway + broker µs/record']!.toFixed(3), '60.000')
    assert.equal(figures['batches/submission'], 10)
    assert.equal(figures['Produce/s'], 500)
    assert.equal(figures['gateway RSS MB'], 60)
    assert.equal(figures['MB/s'], 0.75)
    assert.equal(figures['generator µs/record'], null)
    assert.equal(figures.unacked, 1)
  })
})

describe('pairs and table', () => {
  test('every second pair runs backwards', () => {
    const order = interleaved(['a', 'b'], 3).map(({ variant, pair }) => `${variant}${pair}`)
    assert.deepEqual(order, ['a0', 'b0', 'b1', 'a1', 'a2', 'b2'])
  })

  test('a cell is the median, with the spread where there is one', () => {
    assert.equal(cell([3, 1, 2]), '2 [1..3]')
    assert.equal(cell([100, 101, 102]), '101')
    assert.equal(cell([null, null]), '–')
  })

  test('ratios are taken within pairs, and without what does not apply', () => {
    assert.equal(ratio([2, 30, 4], [1, 10, 1]), '3.00')
    assert.equal(ratio([2, null], [1, 1]), '2.00')
    assert.equal(ratio([1], [0]), '–')
  })

  test('rows show the chosen figures, and no ratio to a variant that is not there', () => {
    const plan: Plan = {
      cases: ['load'],
      variants: ['direct', 'proxy'],
      columns: ['ms'],
      ratios: [
        { figure: 'ms', to: 'direct' },
        { figure: 'ms', to: 'kroxylicious' },
      ],
    }
    const seen = new Map([
      ['direct', [{ ms: 1, other: 5 }]],
      ['proxy', [{ ms: 3, other: 5 }]],
    ])
    assert.equal(head(plan, seen.get('direct')![0]!).split('\n')[0], '| load | variant | ms | ms × direct |')
    assert.deepEqual(
      [...rows(plan, 'load', seen)],
      ['| load | direct | 1 | 1.00 |', '| load | proxy | 3 | 3.00 |'],
    )
  })
})
