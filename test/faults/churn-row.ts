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
  run: churn,
}

const MIB = 1024 * 1024
const CONNECTIONS = 500
/** Lanes come and go with the load. */
const SPARE_HANDLES = 8

async function churn(): Promise<string> {
  return onStage({ topics: [{ topic: 't', partitions: 4 }] }, async (stage) => {
    const { gateway, sandbox } = stage
    const { pid } = gateway.running
    await Promise.all((await stage.clients(8)).map((client) => outcomeOf(client).then(() => client.close())))
    await gateway.waitFor('nobody is connected', ({ nodes }) => nodes['gw-test']!.connections === 0)
    const before = { handles: handlesOf(pid), bytes: residentBytes(pid) }
    const acked: string[] = []
    const running: Promise<void>[] = []
    for (let i = 0; i < CONNECTIONS; i++) {
      running.push(visit(stage, i, acked))
      await pause(20)
    }
    await Promise.all(running)
    await gateway.waitFor('all released', ({ nodes, clusters }) => {
      const { connections, reservedBytes, unanswered } = nodes['gw-test']!
      return connections + reservedBytes + unanswered + clusters.c!.waiting === 0
    })
    await until('handles are back', () => handlesOf(pid) <= before.handles + SPARE_HANDLES)
    const stored = [0, 1, 2, 3].flatMap((index) => sandbox.log('t', index)).map(({ bytes }) => bytes)
    for (const value of acked)
      assert.ok(
        stored.some((bytes) => bytes.includes(value)),
        `${value} is stored`,
      )
    const memory = `${Math.round(before.bytes / MIB)} MiB before, ${Math.round(residentBytes(pid) / MIB)} after`
    const handles = `${before.handles} handles before, ${handlesOf(pid)} after`
    return `${CONNECTIONS} connections, ${acked.length} served; ${handles}; resident ${memory}`
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

/** Open files and sockets of a gateway, workers included. */
function handlesOf(pid: number): number {
  return [pid, ...workerPids(pid)].reduce((sum, each) => sum + readdirSync(`/proc/${each}/fd`).length, 0)
}
