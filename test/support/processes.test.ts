import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePortRange } from '#test/support/ports.ts'
import { run, start, temporaryFolder } from '#test/support/processes.ts'

const PROCESSES = `${import.meta.dirname}/processes.ts`

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !what(); i++) await sleep(50)
  assert.ok(what(), String(what))
}

test('a child and a folder do not outlive a process that is killed', async () => {
  const program = `
    import { start, temporaryFolder } from '${PROCESSES}'
    const kept = await start('sleep', ['600'])
    const ended = await start('true', [])
    await ended.exited
    console.log('made', kept.pid, temporaryFolder())
    setInterval(() => {}, 1000)`
  const parent = await start(process.execPath, ['--input-type=module', '-e', program])
  const [, pid, folder] = await parent.waitForLine(/^made (\d+) (.+)$/, 30_000)
  assert.ok(isAlive(Number(pid)) && existsSync(folder!))
  await parent.stop('SIGKILL')
  await until(() => !isAlive(Number(pid)) && !existsSync(folder!))
})

test('waiting for a line', async () => {
  const child = await start('sh', ['-c', 'echo one; echo two >&2; sleep 0.2; echo three 3; exec sleep 600'])
  assert.equal((await child.waitForLine(/three (\d)/, 30_000))[1], '3')
  assert.equal((await child.waitForLine(/^t(wo)/, 30_000))[1], 'wo')
  await assert.rejects(child.waitForLine(/four/, 50), /no line like \/four\/.*one/s)
  const waiting = assert.rejects(child.waitForLine(/five/, 30_000), /ended with SIGTERM before/)
  assert.deepEqual(await child.stop(), { code: null, signal: 'SIGTERM' })
  await waiting
})

test('a stopped process is ended, too', async () => {
  const child = await start('sleep', ['600'])
  child.signal('SIGSTOP')
  assert.equal((await child.stop()).signal, 'SIGTERM')
  assert.equal((await child.stop()).signal, 'SIGTERM')
})

test('a grandchild that keeps the pipes open is not waited for', async () => {
  const child = await start('sh', ['-c', 'sleep 5 & echo started; wait'])
  await child.waitForLine(/started/, 30_000)
  await child.stop('SIGTERM', 4500)
})

test('run gives the output, or throws with it', async () => {
  assert.equal(await run('cat', [], { input: 'a\nb' }), 'a\nb\n')
  await assert.rejects(run('sh', ['-c', 'echo why >&2; exit 3']), /ended with 3:\nwhy/)
  await assert.rejects(run('no-such-program', []), /ENOENT/)
})

test('free ports are free, and differ', async () => {
  const [first, second] = [await freePortRange(3), await freePortRange(3)]
  assert.ok(Math.abs(first - second) >= 3)
  for (const port of [first, first + 1, first + 2]) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.on('error', reject).listen(port, resolve))
    server.close()
  }
})

test('temporary folders', () => {
  const folder = temporaryFolder()
  assert.ok(existsSync(folder))
  rmSync(folder, { recursive: true })
})
