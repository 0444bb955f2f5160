import type { TestContext } from 'node:test'
import { type Sandbox, type SandboxOptions, startSandbox } from '#sandbox/sandbox.ts'
import { plainBatch } from '#test/support/batches.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** A sandbox with topic `t` that ends with the test. */
export async function sandboxFor(t: TestContext, options: SandboxOptions = {}): Promise<Sandbox> {
  const topics = [{ topic: 't', partitions: 2 }]
  const sandbox = await startSandbox({ topics, retainBytes: 'all', ...options })
  t.after(() => sandbox.close())
  return sandbox
}

/** A connection to one of its brokers, by place. */
export async function clientOf(t: TestContext, sandbox: Sandbox, broker = 0): Promise<RawClient> {
  const client = await RawClient.connect(sandbox.brokers[broker]!.port)
  t.after(() => client.close())
  return client
}

export interface Sent {
  topic?: string
  partition?: number
  records?: Buffer
  version?: number
  acks?: number
  timeoutMs?: number
}

export function produceBody({ topic = 't', partition = 0, records, acks = -1, timeoutMs = 30_000 }: Sent) {
  const partitionData = [{ index: partition, records: records ?? plainBatch('v') }]
  return { transactionalId: null, acks, timeoutMs, topicData: [{ name: topic, partitionData }] }
}

/** Sends one batch. @returns its answer: code, offset, and what the whole answer says beside it */
export async function produceOne(client: RawClient, sent: Sent = {}, timeoutMs?: number) {
  const version = sent.version ?? 9
  const answer = await client.request('produce', version, produceBody(sent), timeoutMs)
  const { errorCode, baseOffset, currentLeader } = answer.responses[0]!.partitionResponses[0]!
  const { throttleTimeMs, nodeEndpoints } = answer
  return { errorCode, baseOffset: Number(baseOffset), currentLeader, throttleTimeMs, nodeEndpoints }
}

/** Code and offset of one batch. */
export async function outcomeOf(client: RawClient, sent: Sent = {}): Promise<[code: number, offset: number]> {
  const { errorCode, baseOffset } = await produceOne(client, sent)
  return [errorCode, baseOffset]
}

/** Waits for something to become true. */
export async function until(what: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!what()) {
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
