import { setTimeout as sleep } from 'node:timers/promises'
import { readAnswer } from '#test/equivalence/answers.ts'
import { type CallStep, type Own, type ProduceStep, produceFrame, type Step } from '#test/equivalence/case.ts'
import { RawClient, withClient } from '#test/support/raw-client.ts'

/** What came back, in a form that two clusters can be compared in. */
export interface Outcome {
  /** Per step: the answer, 'closed', 'silent', or 'none' where none is due. */
  steps: unknown[]
  /** What the connection is good for afterwards. */
  connection: 'open' | 'closed' | 'silent'
}

/** Brokers answer within milliseconds. On a loaded machine the second question is what counts. */
const SILENT_AFTER_MS = 2000
const PATIENCE_MS = 120_000
const AGAIN_MS = 50

/** Sends a row's requests over one connection. */
export async function runSteps(steps: readonly Step[], port: number, own: Own): Promise<Outcome> {
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
  if (step.kind === 'burst') return runBurst(client, step.requests, own)
  client.send(step.kind === 'raw' ? step.bytes : produceFrame(step, own, correlationId))
  if (step.kind === 'produce' && step.acks === 0) return 'none'
  const frame = await answerOf(client)
  if (typeof frame === 'string') return frame
  if (step.kind === 'raw') return frame.toString('hex')
  return readAnswer('produce', step.version, frame, own).form
}

async function runCall(client: RawClient, step: CallStep, own: Own): Promise<unknown> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    client.send(client.encode(step.api, step.version, step.body(own) as any))
    const frame = await answerOf(client)
    if (typeof frame === 'string') return frame
    const { answer, form } = readAnswer(step.api, step.answerVersion ?? step.version, frame, own)
    if (!step.until || step.until(answer) || Date.now() > deadline) return form
    await sleep(AGAIN_MS)
  }
}

/** All at once. The answers must come in the order of the requests. */
async function runBurst(client: RawClient, requests: ProduceStep[], own: Own): Promise<unknown[]> {
  client.send(Buffer.concat(requests.map((request, i) => produceFrame(request, own, i))))
  const answers: unknown[] = []
  for (const { version, acks } of requests) {
    if (acks === 0) continue
    const frame = await answerOf(client)
    if (typeof frame === 'string') return [...answers, frame]
    const correlationId = frame.readInt32BE(0)
    answers.push({ correlationId, ...(readAnswer('produce', version, frame, own).form as object) })
  }
  return answers
}

/**
 * The next frame. Silence is: nothing for a while, and then nothing still, after the broker has answered
 * somebody else and some more time has gone by.
 */
async function answerOf(client: RawClient): Promise<Buffer | 'closed' | 'silent'> {
  const frame = client.frame(PATIENCE_MS).catch(() => 'closed' as const)
  const silence = async (): Promise<'silent'> => {
    await sleep(SILENT_AFTER_MS)
    await withClient(client.socket.remotePort!, (other) => other.request('apiVersions', 0, {}, PATIENCE_MS))
    await sleep(SILENT_AFTER_MS)
    return 'silent'
  }
  return Promise.race([frame, silence()])
}

/** Whether the connection still works. A broker that closes it does so before it answers this. */
async function probe(client: RawClient): Promise<Outcome['connection']> {
  client.send(client.encode('apiVersions', 0, {}))
  const frame = await answerOf(client)
  return typeof frame === 'string' ? frame : 'open'
}
