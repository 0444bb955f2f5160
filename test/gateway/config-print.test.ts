import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { formatProblem, loadConfig, printConfig, readSecret, unusableSecrets } from '#gateway/config.ts'
import {
  BASE,
  configOf,
  edit,
  loadFine,
  MACHINE,
  problemsOf,
  TWO_CLUSTERS,
  writeConfig,
} from '#test/gateway/config-fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const withRedis = (url: string) => `${BASE}fleet:\n  redis:\n    url: ${url}\n`

describe('print-config', () => {
  test('what is printed, loaded again, is the same configuration', () => {
    const set = ['limits.memory=1GiB', 'clusters[0].window.linger=7ms', 'admin.bind=[::1]:9090']
    for (const file of ['docs/sluice.example.yaml', writeConfig(BASE), writeConfig(TWO_CLUSTERS)]) {
      const loaded = loadConfig({ file, env: {}, set, machine: MACHINE })
      assert.ok(loaded.config)
      assert.deepEqual(configOf(printConfig(loaded)), loaded.config)
    }
  })
  test('each value that is no default says where it came from', () => {
    const env = { SLUICE_LIMITS__MEMORY: '1GiB' }
    const loaded = loadFine(TWO_CLUSTERS, { env, set: ['log.level=debug'] })
    const lines = printConfig(loaded)
      .replaceAll(/\/\S+\/config-\d+\.yaml/g, 'f')
      .split('\n')
    assert.ok(lines.includes('clusterId: test # f:2:12'))
    assert.ok(lines.includes('      - k2:9092 # f:11:24'))
    assert.ok(lines.includes('  memory: 1GiB # SLUICE_LIMITS__MEMORY'))
    assert.ok(lines.includes('  level: debug # --set log.level'))
    assert.ok(lines.includes('  maxFrameBytes: 16MiB'))
    assert.equal(lines.indexOf('version: 1 # f:1:10'), 0)
  })
  test('a password is masked', () => {
    const text = printConfig(
      loadFine(withRedis(`"redis://app:\${PW}@r:6379/0"`), { env: { PW: 'se%2Fsame' } }),
    )
    assert.match(text, /url: redis:\/\/app:\*\*\*@r:6379\/0 /)
    assert.ok(!text.includes('same'))
  })
})

describe('a password of Redis', () => {
  const clear =
    'fleet.redis.url must not hold a password in clear; put it in a file and name that as passwordFile'

  test('is not written down in the file or on the command line', () => {
    assert.deepEqual(problemsOf(withRedis('redis://:sesame@r:6379')), [`f:12:10: ${clear}`])
    assert.deepEqual(problemsOf(withRedis('redis://app:ses/me@r')), [`f:12:10: ${clear}`])
    assert.deepEqual(problemsOf(withRedis(`"redis://app:\${A}sesame@r"`), { env: { A: '' } }), [
      `f:12:10: ${clear}`,
    ])
    const set = ['fleet.redis.url=redis://:sesame@r:6379']
    assert.deepEqual(problemsOf(BASE, { set }), [`--set fleet.redis.url: ${clear}`])
  })
  test('may come from a variable or the environment, or from a file', () => {
    const url = 'redis://:sesame@r:6379'
    assert.equal(configOf(withRedis(`\${URL}`), { env: { URL: url } }).fleet!.redis.url, url)
    assert.equal(configOf(BASE, { env: { SLUICE_FLEET__REDIS__URL: url } }).fleet!.redis.url, url)
    assert.equal(configOf(`${withRedis('redis://r')}    passwordFile: /p\n`).fleet!.redis.passwordFile, '/p')
  })
  test('comes from one of them only, and no error shows it', () => {
    const env = { PW: 'sesame' }
    const both = `${withRedis(`"redis://:\${PW}@r:6379"`)}    passwordFile: /p\n`
    const said = problemsOf(both, { env })
    assert.deepEqual(said, [
      'f:12:10: fleet.redis.url holds a password, and passwordFile names another; keep one of them',
    ])
    assert.deepEqual(problemsOf(withRedis(`"redis://:\${PW}@r"`), { env: { PW: 'se/same' } }), [
      'f:12:10: fleet.redis.url is not a valid URL; ' +
        'in a password write / as %2F, @ as %40, or use passwordFile',
    ])
    const invalid = problemsOf(withRedis(`"http://:\${PW}@r:6379"`), { env })
    assert.equal(invalid.length, 1)
    assert.match(invalid[0]!, /but is "http:\/\/:\*\*\*@r:6379"$/)
  })
  test('the URL is one of Redis, without query parameters', () => {
    const url = 'must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB, without query parameters'
    assert.deepEqual(problemsOf(withRedis('http://r:6379')), [
      `f:12:10: fleet.redis.url ${url}, but is "http://r:6379"`,
    ])
    assert.equal(problemsOf(withRedis('redis://r:6379?password=x')).length, 1)
    assert.deepEqual(problemsOf(withRedis('redis://r:port')), ['f:12:10: fleet.redis.url is not a valid URL'])
  })
})

describe('secret files', () => {
  test('are read without the line end', () => {
    const file = join(folder, 'token')
    for (const [text, secret] of [
      ['abc', 'abc'],
      ['abc\n', 'abc'],
      ['a b \r\n', 'a b '],
    ] as const) {
      writeFileSync(file, text)
      assert.equal(readSecret(file), secret)
    }
  })
  test('that cannot be used are an error that names them and shows nothing', () => {
    const file = join(folder, 'bad')
    assert.throws(() => readSecret(file), { message: `secret ${file} cannot be read: ENOENT` })
    writeFileSync(file, '\n')
    chmodSync(file, 0o600)
    assert.throws(() => readSecret(file), { message: `secret ${file} is empty` })
    writeFileSync(file, 'x'.repeat(65 * 1024))
    assert.throws(() => readSecret(file), { message: `secret ${file} is larger than 64 KiB: not a secret` })
  })
  test('are looked for by check', () => {
    const text = `${withRedis('redis://r')}    passwordFile: ${folder}/none\n`
    assert.deepEqual(unusableSecrets(configOf(text)), [`secret ${folder}/none cannot be read: ENOENT`])
    assert.deepEqual(unusableSecrets(configOf(BASE)), [])
  })
})

test('a problem without a place is one of the whole configuration', () => {
  const { problems = [] } = loadConfig({ env: {}, machine: MACHINE })
  assert.match(formatProblem(problems[0]!), /^configuration: clusterId is missing: /)
  assert.equal(problems.length, 4)
  assert.equal(loadConfig({ file: writeConfig(edit(BASE, 'version: 1\n', '')), env: {} }).problems?.length, 1)
})
