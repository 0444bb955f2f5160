import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Sandbox } from '#sandbox/sandbox.ts'
import { Reloadable, sandboxOf } from '#test/end-to-end/reload-stage.ts'
import type { GatewayOptions } from '#test/support/gateway.ts'
import { type Running, start, temporaryFolder } from '#test/support/processes.ts'

/** Stands in systemd's place: prints each datagram as JSON. */
const LISTEN = `
import json, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(json.dumps(sock.recv(4096).decode()), flush=True)
`

describe('readiness told to systemd', () => {
  let sandbox: Sandbox
  let systemd: Running
  let gateway: Reloadable
  let options: GatewayOptions
  const told: Record<string, string>[] = []
  const waiting: { from: number; holds(told: Record<string, string>): boolean; resolve(): void }[] = []

  before(async () => {
    sandbox = await sandboxOf('c', ['t.a'])
    const path = join(temporaryFolder(), 'notify')
    let bound: () => void
    const ready = new Promise<void>((resolve) => (bound = resolve))
    const onLine = (line: string) => (line === 'bound' ? bound() : hear(JSON.parse(line)))
    systemd = await start('python3', ['-c', LISTEN, path], { background: true, onLine })
    await ready
    options = {
      clusters: { c: sandbox.bootstrap },
      routes: { t: 'c' },
      settings: { drain: { delay: '0ms', timeout: '2s' } },
    }
    gateway = await Reloadable.start(options, { NOTIFY_SOCKET: path })
  })
  after(async () => {
    await gateway?.close()
    await systemd?.stop('SIGKILL')
    await sandbox?.close()
  })

  /** The barrier that systemd-notify sends after each is of no interest. */
  function hear(datagram: string): void {
    if (datagram.startsWith('BARRIER')) return
    const lines = datagram.split('\n').filter(Boolean)
    told.push(Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2))))
    for (const { from, holds, resolve } of waiting) if (told.slice(from).some(holds)) resolve()
  }

  /** @param from only what comes from there on */
  function hears(holds: (told: Record<string, string>) => boolean, from = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`told was only ${JSON.stringify(told)}`)), 20_000)
      waiting.push({ from, holds, resolve: () => resolve(clearTimeout(timer)) })
      for (const each of told.slice(from)) if (holds(each)) resolve(clearTimeout(timer))
    })
  }

  test('ready, and not before it serves', async () => {
    await hears(({ READY, STATUS }) => READY === '1' && STATUS === 'serving')
    assert.equal(told.length, 1)
    assert.equal(await gateway.health('/readyz'), 200)
  })

  test('a reload begins with the monotonic time, and ends ready: whether it was taken or not', async () => {
    for (const bad of [false, true]) {
      const from = told.length
      const before = process.hrtime.bigint() / 1000n
      const routes: Record<string, string> = bad ? { t: 'nobody' } : { t: 'c', u: 'c' }
      await gateway.reload({ ...options, routes })
      await hears(({ READY }) => READY === '1', from)
      const begins = told.slice(from).findIndex(({ RELOADING }) => RELOADING === '1')
      const at = BigInt(told[from + begins]!.MONOTONIC_USEC!)
      assert.ok(at >= before && at <= process.hrtime.bigint() / 1000n)
      const end = told.slice(from).findIndex(({ READY }) => READY === '1')
      assert.ok(end > begins)
      const status = told[from + end]!.STATUS!
      assert.match(status, bad ? /^not reloaded: .*nobody/ : /^serving$/)
    }
  })

  test('a drain that is taken back is told as a status only', async () => {
    const from = told.length
    await gateway.post('drain')
    await hears(({ STATUS }) => STATUS!.startsWith('drained'), from)
    await gateway.post('undrain')
    await hears(({ STATUS }) => STATUS === 'serving', from)
    assert.ok(told.every(({ STOPPING }) => STOPPING === undefined))
  })

  test('SIGTERM is told before the drain', async () => {
    const from = told.length
    const ended = gateway.drain()
    await hears(({ STOPPING }) => STOPPING === '1', from)
    assert.deepEqual(await ended, { code: 0, signal: null })
  })
})
