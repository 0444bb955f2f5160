import { apis } from '#protocol/apis.ts'
import { decodeResponse } from '#protocol/header.ts'
import type { Message } from '#protocol/schema.ts'
import { type CallStep, type Case, type Own, produceFrame, type Step } from '#test/equivalence/case.ts'
import { normalise } from '#test/equivalence/normalise.ts'
import { MESSAGES, RawClient } from '#test/support/raw-client.ts'

/** What came back, in a form that two clusters can be compared in. */
export interface Outcome {
  /** Per step: the answer, 'closed', 'silent', or 'none' where none is due. */
  steps: unknown[]
  /** What the connection is good for afterwards. */
  connection: 'open' | 'closed' | 'silent'
}

/** Brokers answer within milliseconds; a loaded machine makes that a second. */
const SILENT_AFTER_MS = 4000
const PATIENCE_MS = 30_000

export async function runCase({ steps }: Case, port: number, own: Own): Promise<Outcome> {
  const client = await RawClient.connect(port)
  const outcome: Outcome = { steps: [], connection: 'open' }
  try {
    for (const [i, step] of steps.entries()) {
      if (outcome.connection !== 'open') break
      const answer = await runStep(client, step, own, i + 1)
      outcome.steps.push(answer)
      if (answer === 'closed' || answer === 'silent') outcome.connection = answer
    }
    if (outcome.connection === 'open') outcome.connection = await probe(client)
    return outcome
  } finally {
    await client.close()
  }
}

async function runStep(client: RawClient, step: Step, own: Own, correlationId: number): Promise<unknown> {
  if (step.kind === 'call') return runCall(client, step, own)
  client.send(step.kind === 'raw' ? step.bytes : produceFrame(step, own, correlationId))
  if (step.kind === 'produce' && step.acks === 0) return 'none'
  const frame = await answerOf(client)
  if (typeof frame === 'string') return frame
  if (step.kind === 'raw') return frame.toString('hex')
  return decode('produce', step.version, frame, own)
}

async function runCall(client: RawClient, step: CallStep, own: Own): Promise<unknown> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    client.send(client.encode(step.api, step.version, step.body(own) as any))
    const frame = await answerOf(client)
    if (typeof frame === 'string') return frame
    const answer = decode(step.api, step.answerVersion ?? step.version, frame, own) as any
    if (step.until === undefined || answer[step.until] === 0 || Date.now() > deadline) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function decode(api: CallStep['api'], version: number, frame: Buffer, own: Own): unknown {
  const { response } = MESSAGES[api] as { response: Message<any> }
  return normalise(decodeResponse(apis[api], response, version, frame), own)
}

async function answerOf(client: RawClient): Promise<Buffer | 'closed' | 'silent'> {
  try {
    return await client.frame(SILENT_AFTER_MS)
  } catch {
    return client.isClosed ? 'closed' : 'silent'
  }
}

/** Whether the connection still works. A broker that closes it does so before it answers this. */
async function probe(client: RawClient): Promise<Outcome['connection']> {
  client.send(client.encode('apiVersions', 0, {}))
  const frame = await answerOf(client)
  return typeof frame === 'string' ? frame : 'open'
}
