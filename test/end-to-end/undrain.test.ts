import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { Load, Reloadable, sandboxOf } from '#test/end-to-end/reload-stage.ts'
import { plainBatch } from '#test/support/batches.ts'
import { freePortRange } from '#test/support/ports.ts'
import { temporaryFolder } from '#test/support/processes.ts'
import { RawClient, withClient } from '#test/support/raw-client.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

interface Stage {
  sandbox: Sandbox
  gateway: Reloadable
  port: number
}

async function stage(drain: { delay: string; timeout: string }, admin = {}): Promise<Stage> {
  const sandbox = await sandboxOf('c', ['t.a'])
  open.push(sandbox)
  const port = await freePortRange(2)
  const gateway = await Reloadable.start({
    clusters: { c: sandbox.bootstrap },
    routes: { t: 'c' },
    firstPort: port,
    settings: { node: { id: 'gw-test', workers: 2 }, drain, admin: { bind: '127.0.0.1:0', ...admin } },
  })
  open.push(gateway)
  return { sandbox, gateway, port }
}

const isOpen = (port: number) =>
  RawClient.connect(port).then(
    (client) => client.close().then(() => true),
    () => false,
  )

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); ) {
    assert.ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const nodeOf = async (gateway: Reloadable) => (await gateway.state()).nodes['gw-test']!

describe('drain and undrain by the admin port', () => {
  test('drained to the last connection, the process stays, and comes back at the same ports', async () => {
    const { sandbox, gateway, port } = await stage({ delay: '200ms', timeout: '4s' })
    const load = new Load([sandbox])
    open.push(load)
    await load.add(port, 't.a')
    await load.more()
    const { status, body } = await gateway.post('drain')
    assert.deepEqual([status, body.state, body.drained], [200, 'draining', false])
    assert.equal(await gateway.health('/readyz'), 503)
    assert.equal(await gateway.health('/livez'), 200)
    assert.deepEqual((await gateway.post('drain')).status, 200, 'again, while it is under way')
    await gateway.waitFor('drained', ({ nodes }) => nodes['gw-test']!.drained)
    const { state, connections } = await nodeOf(gateway)
    assert.deepEqual([state, connections], ['draining', 0])
    for (const each of [port, port + 1]) assert.equal(await isOpen(each), false)
    assert.equal((await gateway.post('drain')).body.drained, true)
    const reload = await gateway.post('reload')
    assert.deepEqual(
      [reload.status, reload.body.error],
      [409, 'the node is draining: it cannot be reloaded now'],
    )

    assert.deepEqual(await gateway.post('undrain'), { status: 200, body: { state: 'serving' } })
    for (const each of [port, port + 1]) assert.equal(await isOpen(each), true)
    assert.equal(await gateway.health('/readyz'), 200)
    assert.deepEqual((await gateway.post('undrain')).status, 200, 'again, with nothing to do')
    await load.more(50)
    for (const producer of load.producers) producer.errors = 0
    await load.verify()
    const { code } = await gateway.drain()
    assert.equal(code, 0, 'SIGTERM drains and ends it, as ever')
  })

  test('undrain within the delay and amid the drain: connections stay as far as they have not ended', async () => {
    const { gateway, port } = await stage({ delay: '1s', timeout: '30s' })
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)))
    open.push(...clients)
    await gateway.post('drain')
    assert.equal(await isOpen(port), true, 'clients are accepted for the delay')
    assert.equal((await gateway.post('undrain')).status, 200)
    assert.ok(clients.every(({ isClosed }) => !isClosed))

    await gateway.post('drain')
    await until('listeners are closed', async () => !(await isOpen(port)))
    await until('one has ended', async () => clients.some(({ isClosed }) => isClosed))
    assert.equal((await gateway.post('undrain')).status, 200)
    assert.equal(await isOpen(port), true)
    const left = clients.filter(({ isClosed, socket }) => !isClosed && !socket.readableEnded)
    assert.ok(left.length > 0)
    for (const client of left) {
      const answered = client.request('apiVersions', 0, {}).then(
        () => true,
        () => client.isClosed,
      )
      assert.ok(await answered)
    }
    const { state, drained } = await nodeOf(gateway)
    assert.deepEqual([state, drained], ['serving', false])
  })

  test('who never stops sending is answered what was read, and what came after was not sent', async () => {
    const { sandbox, gateway, port } = await stage({ delay: '0ms', timeout: '40s' })
    const client = await RawClient.connect(port)
    open.push(client)
    let answered = 0
    const partitionData = [{ index: 0, records: plainBatch('a') }]
    const body = {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 't.a', partitionData }],
    }
    const sendOn = async (): Promise<never> => {
      for (;;) {
        const { responses } = await client.request('produce', 9, body)
        assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
        answered++
      }
    }
    const ends = Array.from({ length: 5 }, () => sendOn().catch(String))
    await until('it sends', async () => answered > 100)
    await gateway.post('drain')
    assert.deepEqual(new Set(await Promise.all(ends)), new Set(['Error: the connection was closed']))
    await gateway.waitFor('drained', ({ nodes }) => nodes['gw-test']!.drained)
    assert.equal((await nodeOf(gateway)).closed.drain, 1)
    assert.equal(sandbox.endOffset('t.a', 0), answered)
  })

  test('a port that somebody took meanwhile: it stays drained, says why, and comes back later', async () => {
    const { gateway, port } = await stage({ delay: '0ms', timeout: '2s' })
    await gateway.post('drain')
    await gateway.waitFor('drained', ({ nodes }) => nodes['gw-test']!.drained)
    const thief = await sandboxOn(port + 1)
    const { status, body } = await gateway.post('undrain')
    assert.deepEqual([status, body.error.includes(`port ${port + 1} is in use`)], [500, true])
    assert.equal((await nodeOf(gateway)).state, 'draining')
    assert.equal(await isOpen(port), false)
    await thief.close()
    assert.equal((await gateway.post('undrain')).status, 200)
    assert.equal(
      await withClient(port, (client) => client.request('apiVersions', 0, {})).then((a) => a.errorCode),
      0,
    )
  })

  test('SIGTERM amid a drain ends the process when it is done, and cannot be taken back', async () => {
    const { gateway, port } = await stage({ delay: '1s', timeout: '5s' })
    const client = await RawClient.connect(port)
    open.push(client)
    await gateway.post('drain')
    gateway.running.signal('SIGTERM')
    await until('it is ending', async () => (await gateway.post('undrain')).status === 409)
    assert.deepEqual(await gateway.running.exited, { code: 0, signal: null })
  })

  test('orders need the token', async () => {
    const tokenFile = join(temporaryFolder(), 'token')
    writeFileSync(tokenFile, 'a secret\n')
    const { gateway } = await stage({ delay: '0ms', timeout: '1s' }, { auth: { tokenFile } })
    for (const order of ['drain', 'undrain', 'reload']) {
      assert.equal((await gateway.post(order)).status, 401)
      assert.equal((await gateway.post(order, { authorization: 'Bearer a secre' })).status, 401)
    }
    const { status } = await gateway.post('reload', { authorization: 'Bearer a secret' })
    assert.equal(status, 200)
  })
})

async function sandboxOn(port: number): Promise<{ close(): Promise<void> }> {
  const { startSandbox } = await import('#sandbox/sandbox.ts')
  return startSandbox({ ports: [port] })
}
