import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { BASE, edit, writeConfig } from '#test/gateway/config-fixture.ts'

const SLUICE = resolve('bin/sluice')
const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  code: number
  out: string
  err: string
}

/** Runs the command with an environment of its own: nothing of the tester's SLUICE_ variables. */
function sluice(args: string[], env: Record<string, string> = {}, command = SLUICE): Promise<Outcome> {
  const options = { env: { PATH: '/usr/bin:/bin', ...env }, timeout: 60_000 }
  return new Promise((done) => {
    execFile(command, args, options, (error, out, err) => {
      done({ code: error ? Number(error.code) : 0, out, err })
    })
  })
}

describe('check', () => {
  test('a fine configuration: one line and its worst-case memory, exit 0', async () => {
    const file = writeConfig(`${BASE}limits: { memory: 256MiB, maxConnections: 1024 }\n`)
    const { code, out, err } = await sluice(['check', '--config', file, '--set', 'node.workers=2'])
    assert.deepEqual({ code, err }, { code: 0, err: '' })
    assert.deepEqual(out.split('\n'), [
      `${file}: ok (listeners: 1, clusters: 1, routes: 1, warnings: 0)`,
      'memory at the very worst:',
      '      256 MiB  batches and unfinished frames (memory)',
      '        4 MiB  open connections (maxConnections × 3.4 KiB)',
      '     1024 MiB  unread answers, if every client stopped reading at once (maxConnections × outputBytes)',
      '      144 MiB  processes (workers and control, 48 MiB each)',
      '     1428 MiB  in all',
      '',
    ])
  })
  test('a bad one: every problem on a line of its own, exit 2', async () => {
    const file = writeConfig(edit(BASE, 'clusterId: test', 'clusterId: test\nlgo: {}\ndrain: { delay: 1m }'))
    const { code, out, err } = await sluice(['check', '--config', file])
    assert.deepEqual({ code, out }, { code: 2, out: '' })
    assert.deepEqual(err.split('\n'), [
      `${file}:3:1: lgo is not a known key; did you mean "log"?`,
      `${file}:4:17: drain.delay must be shorter than drain.timeout, which includes it`,
      '',
    ])
  })
  test('warnings do not fail it, an unreadable secret among them', async () => {
    const file = writeConfig(`${BASE}admin: { auth: { tokenFile: /absent/token } }\n`)
    const { code, out, err } = await sluice(['check', '--config', file], { SLUICE_CLUSTER_ID: 'x' })
    assert.equal(code, 0)
    assert.match(out, /warnings: 2\)$/m)
    assert.equal(
      err,
      'warning: SLUICE_CLUSTER_ID: is not a setting; did you mean "SLUICE_CLUSTERID"?\n' +
        'warning: secret /absent/token cannot be read: ENOENT\n',
    )
  })
  test('environment and flags count', async () => {
    const file = writeConfig(BASE)
    const flags = ['--log-level', 'loud', '--set', 'limits.memory=1']
    const { code, err } = await sluice(['check', '--config', file, ...flags], { SLUICE_ADMIN__BIND: 'x' })
    assert.equal(code, 2)
    const named = err
      .trim()
      .split('\n')
      .map((line) => line.split(': ')[0])
    assert.deepEqual(named.toSorted(), ['--log-level', '--set limits.memory', 'SLUICE_ADMIN__BIND'])
  })
  test('a file that is not there', async () => {
    const { code, err } = await sluice(['check', '--config', `${folder}/absent.yaml`])
    assert.deepEqual({ code, err }, { code: 2, err: `${folder}/absent.yaml: cannot be read: no such file\n` })
  })
  test('without a file it says that it had none', async () => {
    const { code, err } = await sluice(['check'])
    assert.equal(code, 2)
    assert.match(err, /no --config FILE was given, so only environment and flags were read\n$/)
  })
})

describe('check --probe', () => {
  /** Answers ApiVersions v0 with Produce 0..12, or with other bytes. */
  async function broker(answer: (request: Buffer) => Buffer): Promise<number> {
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      socket.once('data', (request) => socket.write(answer(request)))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    after(() => server.close())
    return (server.address() as AddressInfo).port
  }
  const versions = (request: Buffer) => {
    const answer = Buffer.from('00000010 00000000 0000 00000001 0000 0000 000c'.replaceAll(' ', ''), 'hex')
    request.copy(answer, 4, 8, 12)
    return answer
  }
  /** tcpmux: a port that no system of today serves. */
  const NOBODY = 1
  const probe = (ports: number[]) => {
    const servers = ports.map((port) => `127.0.0.1:${port}`).join(', ')
    return sluice(['check', '--probe', '--config', writeConfig(edit(BASE, 'k1:9092', servers))])
  }

  test('a cluster is reachable when one of its servers answers', async () => {
    const alive = await broker(versions)
    const { code, out } = await probe([NOBODY, alive])
    assert.equal(code, 0)
    const said = `eu: reachable (127.0.0.1:${NOBODY} ECONNREFUSED, 127.0.0.1:${alive} answers)`
    assert.equal(out.split('\n').at(-2), said)
  })
  test('it fails with exit 1 when none does', async () => {
    const other = await broker(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { code, out } = await probe([other])
    assert.equal(code, 1)
    assert.match(
      out.split('\n').at(-2)!,
      /^eu: unreachable \(127\.0\.0\.1:\d+ does not answer as a Kafka broker: /,
    )
  })
  test('it opens no socket without the flag', async () => {
    let connections = 0
    const server = createServer(() => connections++)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo
    const { code } = await sluice([
      'check',
      '--config',
      writeConfig(edit(BASE, 'k1:9092', `127.0.0.1:${port}`)),
    ])
    await new Promise((done) => server.close(done))
    assert.deepEqual([code, connections], [0, 0])
  })
})

describe('the other commands', () => {
  test('print-config prints YAML that check takes', async () => {
    const file = writeConfig(BASE)
    const { code, out } = await sluice(['print-config', '--config', file, '--set', 'limits.memory=1GiB'])
    assert.equal(code, 0)
    assert.ok(out.includes('  memory: 1GiB # --set limits.memory\n'))
    assert.ok(out.includes(`clusterId: test # ${file}:2:12\n`))
    assert.equal((await sluice(['check', '--config', writeConfig(out)])).code, 0)
  })
  test('version, with that of Node', async () => {
    for (const word of ['version', '--version']) {
      const { code, out } = await sluice([word])
      assert.equal(code, 0)
      assert.match(out, /^sluice \d+\.\d+\.\d+ \(node 2[4-9]\.\d+\.\d+\)\n$/)
    }
  })
  test('help, in every form', async () => {
    const texts = await Promise.all(
      [['help'], ['--help'], ['-h'], ['check', '--help']].map((args) => sluice(args)),
    )
    for (const { code, out } of texts) {
      assert.equal(code, 0)
      assert.match(out, /^Usage: sluice COMMAND/)
    }
  })
  test('wrong usage is exit 2 with a hint', async () => {
    const cases: [string[], string][] = [
      [[], 'sluice: a command is missing'],
      [['constructor'], 'sluice: unknown command "constructor"'],
      [['chek'], 'sluice: unknown command "chek"; did you mean "check"?'],
      [['check', '--conifg', 'x'], `sluice: Unknown option '--conifg'; did you mean "--config"?`],
      [['run', '--probe'], `sluice: Unknown option '--probe'`],
      [['version', '--config', 'x'], `sluice: Unknown option '--config'`],
      [['demo', '--for', 'soon'], 'sluice: --for soon is not a duration such as 10s'],
      [['demo', '--producers', '0'], 'sluice: --producers 0 is not a whole number from 1 to 10000'],
      [['check', 'extra'], `sluice: Unexpected argument 'extra'`],
    ]
    for (const [args, said] of cases) {
      const { code, out, err } = await sluice(args)
      assert.deepEqual(
        { code, out, said: err.split('\n')[0]!.slice(0, said.length) },
        { code: 2, out: '', said },
      )
      assert.match(err, /\ntry: sluice help\n$/)
    }
  })
  test('run refuses a bad configuration before anything starts', async () => {
    const { code, err } = await sluice(['run', '--config', writeConfig(edit(BASE, 'test', '"a b"'))])
    assert.equal(code, 2)
    assert.match(err, /:2:12: clusterId must be /)
  })
})

describe('bin/sluice', () => {
  /** A copy of the house with a Node of our making in some places; prints which one was taken. */
  function house(nodes: Record<string, string>): { command: string; path: string } {
    const root = mkdtempSync(join(folder, 'house-'))
    for (const each of ['bin', 'node_modules/zod', 'path']) mkdirSync(join(root, each), { recursive: true })
    copyFileSync(SLUICE, join(root, 'bin/sluice'))
    for (const [place, version] of Object.entries(nodes)) {
      const file = join(root, place, 'node')
      mkdirSync(join(root, place), { recursive: true })
      const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else echo ${place} "$@"; fi\n`
      writeFileSync(file, script)
      chmodSync(file, 0o755)
    }
    return { command: join(root, 'bin/sluice'), path: `${join(root, 'path')}:/usr/bin:/bin` }
  }
  const run = ({ command, path }: ReturnType<typeof house>) =>
    sluice(['version', 'a b'], { PATH: path }, command)
  const taken = async (nodes: Record<string, string>) => (await run(house(nodes))).out.split(' ')[0]

  test('takes its own Node, then the one of the release, then the one on PATH, if new enough', async () => {
    const [own, release, path] = ['node_modules/.bin', 'runtime/bin', 'path']
    assert.equal(await taken({ [own]: 'v24.1.0', [release]: 'v24.2.0', [path]: 'v25.0.0' }), own)
    assert.equal(await taken({ [own]: 'v20.1.0', [release]: 'v24.2.0', [path]: 'v25.0.0' }), release)
    assert.equal(await taken({ [release]: 'v22.9.0', [path]: 'v25.0.0' }), path)
  })
  test('hands its arguments on untouched, through links too', async () => {
    const { command, path } = house({ path: 'v24.0.0' })
    const link = join(folder, 'linked-sluice')
    symlinkSync(command, link)
    const main = `${resolve(command, '../..')}/gateway/main.ts`
    const told = async (...args: string[]) => (await sluice(args, { PATH: path }, link)).out
    const lean = '--max-semi-space-size=1 --optimize-for-size --no-opt --no-maglev'
    assert.equal(await told('run', '--set', 'a b'), `path ${lean} ${main} run --set a b\n`)
    assert.equal(await told('demo', '--for', '8s'), `path --max-semi-space-size=2 ${main} demo --for 8s\n`)
  })
  test('says in one line what is missing', async () => {
    const old = await run(house({ path: 'v20.19.0' }))
    assert.equal(old.code, 1)
    assert.match(old.err, /^sluice: needs Node 24 or later: [^\n]+\n$/)
    const bare = house({ path: 'v24.0.0' })
    rmSync(resolve(bare.command, '../../node_modules'), { recursive: true })
    const missing = await run(bare)
    assert.equal(missing.code, 1)
    assert.match(missing.err, /^sluice: its packages are missing: run npm ci in [^\n]+\n$/)
  })
})
