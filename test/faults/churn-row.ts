import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Row } from '#test/faults/row.ts'
import { onStage, type SandboxStage, until } from '#test/faults/sandbox-stage.ts'
import { outcomeOf, produceBody } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { residentBytes, workerPids } from '#test/support/neighbours.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** 50 connections a second; a third is cut within the frame, a third before the answer, a third is served. */
export const CHURN_ROW: Row<void> = {
  number: 'churn',
  name: 'connect, produce, cut, 50 times a second: nothing stays behind',
  isLong: true,
  run: (_stage, ms = 5000) => churn(ms),
}

const MIB = 1024 * 1024
const EVERY_MS = 20
/** Lanes come and go with the load. */
const SPARE_HANDLES = 8

async function churn(ms: number): Promise<string> {
  return onStage({ topics: [{ topic: 't', partitions: 4 }] }, async (stage) => {
    const { gateway } = stage
    const { pid } = gateway.running
    await Promise.all((await stage.clients(8)).map((client) => outcomeOf(client).then(() => client.close())))
    await gateway.waitFor('nobody is connected', ({ nodes }) => nodes['gw-test']!.connections === 0)
    const handles = handlesOf(pid)
    const resident = [residentBytes(pid)]
    const acked: string[] = []
    const running = new Set<Promise<void>>()
    const began = performance.now()
    let visits = 0
    for (; performance.now() - began < ms; visits++) {
      const one = visit(stage, visits, acked).finally(() => running.delete(one))
      running.add(one)
      one.catch(() => {})
      if (visits % Math.ceil(ms / EVERY_MS / 10) === 0) resident.push(residentBytes(pid))
      await pause(Math.max(0, began + (visits + 1) * EVERY_MS - performance.now()))
    }
    const seconds = (performance.now() - began) / 1000
    await Promise.all(running)
    await gateway.waitFor('all released', ({ nodes, clusters }) => {
      const { connections, reservedBytes, unanswered } = nodes['gw-test']!
      return connections + reservedBytes + unanswered + clusters.c!.waiting === 0
    })
    await until('handles are back', () => handlesOf(pid) <= handles + SPARE_HANDLES)
    assertStored(stage, acked)
    resident.push(residentBytes(pid))
    const memory = `resident before, meanwhile and after ${resident.map(mebibytes).join(' ')} MiB`
    const visitors = `${visits} connections in ${seconds.toFixed(0)} s, ${acked.length} served`
    return `${visitors}; ${handles} handles before, ${handlesOf(pid)} after, nothing reserved; ${memory}`
  })
}

async function visit({ gateway }: SandboxStage, number: number, acked: string[]): Promise<void> {
  const client = await RawClient.connect(gateway.port)
  const value = `visit ${number}.`
  const body = produceBody({ partition: number % 4, records: plainBatch(value.padEnd(2000, 'x')) })
  if (number % 3 === 0) {
    const answer = await client.request('produce', 9, body)
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0)
    acked.push(value)
  } else {
    const frame = client.encode('produce', 9, body)
    client.send(number % 3 === 1 ? frame : frame.subarray(0, 1 + ((number * 7919) % (frame.length - 1))))
    await pause(number % 10)
    client.socket.resetAndDestroy()
  }
  await client.close()
}

function assertStored({ sandbox }: SandboxStage, acked: string[]): void {
  const stored = new Set<string>()
  for (const { bytes } of [0, 1, 2, 3].flatMap((index) => sandbox.log('t', index))) {
    const visit = /visit \d+\./.exec(bytes.toString('latin1'))
    if (visit) stored.add(visit[0])
  }
  assert.deepEqual(
    acked.filter((value) => !stored.has(value)),
    [],
    'acknowledged and not stored',
  )
}

const mebibytes = (bytes: number): string => (bytes / MIB).toFixed(0)

/** Open files and sockets of a gateway, workers included. */
export function handlesOf(pid: number): number {
  return [pid, ...workerPids(pid)].reduce((sum, each) => sum + readdirSync(`/proc/${each}/fd`).length, 0)
}
