import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startSandbox } from '#sandbox/sandbox.ts'
import { plainBatch } from '#test/support/batches.ts'
import { configOf, launchGateway, startGateway } from '#test/support/gateway.ts'
import { freePort, freePortRange } from '#test/support/ports.ts'
import { start, temporaryFolder } from '#test/support/processes.ts'
import { withClient } from '#test/support/raw-client.ts'

const SLUICE = join(import.meta.dirname, '../../bin/sluice')
const NOBODY = '127.0.0.1:1'

describe('starting', () => {
  async function occupy(port: number): Promise<Server> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    return server
  }

  const taken: Record<string, (port: number) => { firstPort?: number; settings?: Record<string, unknown> }> =
    {
      'the bootstrap port': (port) => ({ firstPort: port }),
      "a cluster's port": (port) => ({ firstPort: port - 1 }),
      'the admin port': (port) => ({ settings: { admin: { bind: `127.0.0.1:${port}` } } }),
      'the health port': (port) => ({ settings: { health: { bind: `127.0.0.1:${port}` } } }),
    }
  for (const [what, options] of Object.entries(taken)) {
    test(`${what} is in use: exit 1, and the port is named`, async () => {
      const port = (await freePortRange(3)) + 1
      const server = await occupy(port)
      const gateway = await launchGateway({ clusters: { c: NOBODY }, routes: { t: 'c' }, ...options(port) })
      const { code } = await gateway.exited
      server.close()
      assert.equal(code, 1)
      assert.match(gateway.output(), new RegExp(`port ${port} is in use`))
    })
  }

  test('a cluster that cannot be reached at start joins by itself', async () => {
    const port = await freePort()
    const gateway = await startGateway({ clusters: { late: `127.0.0.1:${port}` }, routes: { t: 'late' } })
    await gateway.waitFor('down', ({ clusters }) => clusters.late!.state === 'down')
    const sandbox = await startSandbox({ ports: [port], topics: [{ topic: 't.one', partitions: 2 }] })
    try {
      await gateway.waitFor(
        'up',
        ({ clusters }) => clusters.late!.state === 'up' && clusters.late!.partitions === 2,
      )
      const answer = await withClient(gateway.port, (client) =>
        client.request('produce', 9, {
          transactionalId: null,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: 't.one', partitionData: [{ index: 1, records: plainBatch('a') }] }],
        }),
      )
      assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0)
      assert.equal(sandbox.endOffset('t.one', 1), 1)
    } finally {
      await gateway.close()
      await sandbox.close()
    }
  })

  test('check --probe names the cluster that cannot be reached', async () => {
    const sandbox = await startSandbox()
    const file = join(temporaryFolder(), 'sluice.yaml')
    writeFileSync(
      file,
      configOf({ clusters: { here: sandbox.bootstrap, gone: NOBODY }, routes: { h: 'here', g: 'gone' } }),
    )
    const check = await start(SLUICE, ['check', '--config', file, '--probe'], { input: '' })
    const { code } = await check.exited
    await sandbox.close()
    assert.equal(code, 1)
    assert.match(check.output(), /^here: reachable/m)
    assert.match(check.output(), /^gone: unreachable.*127\.0\.0\.1:1/m)
  })
})
