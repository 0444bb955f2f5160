import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '#test/faults/sandbox-stage.ts'
import { outcomeOf, sandboxFor } from '#test/sandbox/kit.ts'
import { plainBatch } from '#test/support/batches.ts'
import { FaultProxy } from '#test/support/fault-proxy.ts'
import { RawClient } from '#test/support/raw-client.ts'

/** The fault proxy does what it says: a fault that does not strike would prove nothing. */
async function proxied(t: TestContext) {
  const sandbox = await sandboxFor(t)
  const proxy = await FaultProxy.start()
  proxy.target = sandbox.brokers[0]!.port
  const client = await RawClient.connect(proxy.port)
  t.after(async () => {
    await client.close()
    await proxy.close()
  })
  assert.deepEqual(await outcomeOf(client), [0, 0])
  return { sandbox, proxy, client }
}

test('delay and bandwidth', async (t) => {
  const { proxy, client } = await proxied(t)
  proxy.requests.delayMs = proxy.answers.delayMs = 100
  let began = performance.now()
  await outcomeOf(client)
  assert.ok(performance.now() - began >= 195, 'twice 100 ms')
  proxy.heal()
  proxy.requests.bytesPerSecond = 100_000
  began = performance.now()
  await outcomeOf(client, { records: plainBatch('x'.repeat(50_000)) })
  assert.ok(performance.now() - began >= 450, '50 KB at 100 KB/s')
})

test('a stalled wire keeps everything for later', async (t) => {
  const { sandbox, proxy, client } = await proxied(t)
  proxy.requests.isStalled = true
  const answer = outcomeOf(client)
  await pause(200)
  assert.equal(sandbox.log('t', 0).length, 1)
  proxy.requests.isStalled = false
  assert.deepEqual(await answer, [0, 1])
})

test('swallowed answers: done, and never told', async (t) => {
  const { sandbox, proxy, client } = await proxied(t)
  proxy.answers.swallows = true
  const answer = outcomeOf(client).catch((error: Error) => error)
  await until('stored', () => sandbox.log('t', 0).length === 2)
  proxy.cut()
  assert.match(String(await answer), /closed/)
  await until('reset', () => proxy.connections === 0)
})

test('a black hole accepts, holds what is open, and forwards nothing', async (t) => {
  const { sandbox, proxy, client } = await proxied(t)
  proxy.isBlackHole = true
  const held = outcomeOf(client)
  const late = await RawClient.connect(proxy.port)
  const lost = outcomeOf(late).catch((error: Error) => error)
  await pause(200)
  assert.equal(sandbox.log('t', 0).length, 1)
  proxy.heal()
  assert.deepEqual(await held, [0, 1])
  assert.match(String(await lost), /closed/)
  assert.equal(sandbox.log('t', 0).length, 2)
})

test('flipped bits lie within batches: refused, and the connection goes on', async (t) => {
  const { sandbox, proxy, client } = await proxied(t)
  proxy.bytesPerFlip = 1
  for (let i = 0; i < 50; i++) {
    const [code, offset] = await outcomeOf(client)
    // 53: the bit made it a transactional batch, which brokers look at before the CRC.
    assert.ok((code === 2 || code === 53) && offset === -1, `error ${code}, offset ${offset}`)
  }
  assert.equal(proxy.flips, 50)
  proxy.bytesPerFlip = Infinity
  assert.deepEqual(await outcomeOf(client), [0, 1])
  assert.equal(sandbox.log('t', 0).length, 2)
})
