import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { builtRelease, type Release, ROOT, unpack } from '#test/deploy/release.ts'
import { evaluate, noTerraform, terraform, terraformCopy } from '#test/deploy/terraform.ts'
import { freePort } from '#test/support/ports.ts'
import { type Running, run, start, temporaryFolder } from '#test/support/processes.ts'

/** From what Terraform writes to what a node does with it, each link with the real tool. */

const KEYS = ['runcmd', 'ssh_pwauth', 'write_files', 'packages']
/** Of 10, as systemd-analyze counts; 1.6 now. What is left: the network, which is its work, and V8's JIT. */
const EXPOSURE = 2.0
const EXAMPLES: [example: string, node: string][] = [
  ['minimal', 'blue'],
  ['complete', 'blue'],
  ['blue-green', 'blue'],
  ['blue-green', 'green'],
]

interface CloudInit {
  runcmd: string[][]
  write_files: { path: string; content: string; permissions: string }[]
}

describe('from Terraform to a node', { skip: noTerraform }, () => {
  let release: Release
  let tree: string
  let copy: string
  /** Sends the release and nothing else. */
  const server = createServer((request, response) => {
    response.statusCode = request.url === `/${basename(release.file)}` ? 200 : 404
    response.end(response.statusCode === 200 ? readFileSync(release.file) : undefined)
  })

  before(async () => {
    release = builtRelease()
    tree = await unpack(release)
    copy = terraformCopy()
    for (const example of new Set(EXAMPLES.map(([example]) => example)))
      await terraform(join(copy, 'examples', example), ['init', '-input=false', '-no-color'])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => {
    server.close()
  })

  const rendered = async (example: string, node: string) => {
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/${basename(release.file)}`
    const real = { version: release.version, url, sha256: release.sha256 }
    const variables = { release: real, ...(example === 'blue-green' ? { next_release: real } : {}) }
    const values = example === 'complete' ? { ...variables, network_id: 4711 } : variables
    return evaluate<{ user_data: string; sluice_yaml: string; secrets: string[] }>(
      join(copy, 'examples', example),
      `module.${node}`,
      values,
    )
  }

  for (const [example, node] of EXAMPLES) {
    describe(`${example}, ${node}`, () => {
      let userData: string
      let cloudInit: CloudInit
      let sluiceYaml: string
      let secrets: string[]

      before(async () => {
        const { user_data, sluice_yaml, secrets: files } = await rendered(example, node)
        userData = user_data
        sluiceYaml = sluice_yaml
        secrets = files
        cloudInit = parse(userData)
      })

      test('cloud-init takes the user data', () => checkUserData(userData))

      test('the release takes the configuration', async () => {
        const folder = temporaryFolder()
        writeFileSync(join(folder, 'sluice.yaml'), sluiceYaml)
        for (const name of ['admin-token', 'redis-password']) writeFileSync(join(folder, name), 'secret')
        const env = { CREDENTIALS_DIRECTORY: folder }
        const output = await run(
          join(tree, 'bin/sluice'),
          ['check', '--config', join(folder, 'sluice.yaml')],
          { env },
        )
        assert.match(output, /: ok \(.*warnings: 0\)/)
        assert.equal(written(cloudInit, '/etc/sluice/sluice.yaml'), sluiceYaml)
        const named = sluiceYaml.match(/\$\{CREDENTIALS_DIRECTORY\}\/[\w-]+/g) ?? []
        assert.deepEqual(
          named.map((path) => `/etc/credstore/sluice.${basename(path)}`).sort(),
          [...secrets].sort(),
        )
      })

      test('systemd takes the unit without a word, and finds it hardened', async () => {
        const units = temporaryFolder('sluice-units-')
        for (const { path, content } of cloudInit.write_files) {
          if (!path.startsWith('/etc/systemd/system/')) continue
          const file = join(units, path.slice('/etc/systemd/system/'.length))
          mkdirSync(dirname(file), { recursive: true })
          writeFileSync(file, content)
        }
        const opt = temporaryFolder('sluice-opt-')
        mkdirSync(join(opt, basename(tree)))
        const script = `
          mount --bind "$2" /etc/systemd/system
          mount --bind "$1" /opt
          mount --bind "$3" "/opt/$(basename "$3")"
          systemd-analyze verify sluice.service
          systemd-analyze security --offline=true --threshold=${EXPOSURE * 10} sluice.service > /dev/null`
        symlinkSync(basename(tree), join(opt, 'sluice'))
        assert.equal(await inNamespace(script, [opt, units, tree]), '')
      })
    })
  }

  test('the commands of the user data install the release that was packed', async () => {
    const { user_data } = await rendered('minimal', 'blue')
    const opt = await install(parse(user_data))
    const installed = `sluice-${release.version}`
    assert.deepEqual(readdirSync(opt).sort(), ['sluice', installed])
    assert.equal(readlinkSync(join(opt, 'sluice')), `/opt/${installed}`)
    assert.equal(
      readFileSync(join(opt, installed, 'VERSION'), 'utf8'),
      readFileSync(join(tree, 'VERSION'), 'utf8'),
    )
    assert.match(await run(join(opt, installed, 'bin/sluice'), ['version']), /^sluice /)
  })

  test('a release with another checksum is not installed', async () => {
    const { user_data } = await rendered('minimal', 'blue')
    const wrong = user_data.replace(release.sha256, '0'.repeat(64))
    const opt = temporaryFolder('sluice-opt-')
    await assert.rejects(install(parse(wrong), opt), /computed checksum did NOT match/)
    assert.deepEqual(readdirSync(opt), [])
  })
})

describe('the own Redis', { skip: noTerraform }, () => {
  test('it lets in who knows the password that README puts there, and nobody before', async () => {
    const example = join(terraformCopy(), 'examples/complete')
    await terraform(example, ['init', '-input=false', '-no-color'])
    const template = '../../modules/hcloud-fleet/templates/redis.yaml.tftpl'
    const userData = await evaluate<string>(
      example,
      `templatefile("${template}", { private_ip = local.redis_ip, subnet = "10.0.7.0/24" })`,
      { release: { version: '1.2.3', url: 'https://example.com/', sha256: '0'.repeat(64) }, network_id: 1 },
    )
    await checkUserData(userData)
    const cloudInit: CloudInit = parse(userData)
    const folder = temporaryFolder('sluice-redis-')
    writeFileSync(join(folder, 'sluice.conf'), written(cloudInit, '/etc/redis/sluice.conf'))
    writeFileSync(join(folder, 'users.acl'), written(cloudInit, '/etc/redis/users.acl'))
    assert.match(await withRedis(folder, 'wanted'), /WRONGPASS/)

    writeFileSync(join(folder, 'redis-password'), 'wanted\n')
    const readme = readFileSync(join(ROOT, 'infra/terraform/modules/hcloud-fleet/README.md'), 'utf8')
    const [, command] = /^(printf 'user .*?) \|\n {2}ssh/ms.exec(readme)!
    writeFileSync(join(folder, 'users.acl'), await run('sh', ['-c', command!], { cwd: folder }))
    assert.match(await withRedis(folder, 'wanted'), /PONG/)
    assert.match(await withRedis(folder, 'other'), /WRONGPASS/)
  })
})

async function checkUserData(userData: string): Promise<void> {
  assert.ok(userData.startsWith('#cloud-config\n'))
  assert.ok(Buffer.byteLength(userData) < 32 * 1024, 'what Hetzner takes')
  // This release of cloud-init does not mind a top-level key that it does not know.
  assert.deepEqual(
    Object.keys(parse(userData)).filter((key) => !KEYS.includes(key)),
    [],
  )
  const file = join(temporaryFolder(), 'user-data.yaml')
  writeFileSync(file, userData)
  assert.match(await run('cloud-init', ['schema', '--config-file', file]), /Valid cloud-config/)
}

function written({ write_files }: CloudInit, path: string): string {
  return write_files.find((file) => file.path === path)!.content
}

/**
 * Writes the installer and runs it as the user data says, with a folder of ours as /opt.
 *
 * @returns that folder
 */
async function install(cloudInit: CloudInit, opt = temporaryFolder('sluice-opt-')): Promise<string> {
  const command = cloudInit.runcmd.find(([program]) => program!.endsWith('sluice-install'))!
  const program = join(temporaryFolder(), 'sluice-install')
  writeFileSync(program, written(cloudInit, command[0]!))
  chmodSync(program, 0o755)
  await inNamespace('mount --bind "$1" /opt; shift; "$@"', [opt, program, ...command.slice(1)])
  return opt
}

/** Runs a script that may mount what it likes: nobody else sees it. @returns what it wrote */
function inNamespace(script: string, args: string[]): Promise<string> {
  return run('unshare', ['--map-root-user', '--mount', 'sh', '-ec', script, 'script', ...args])
}

/** Starts Redis with the configuration in the folder and pings it. @returns its answer */
async function withRedis(folder: string, password: string): Promise<string> {
  const port = String(await freePort())
  const overrides = [
    '--bind',
    '127.0.0.1',
    '--port',
    port,
    '--dir',
    folder,
    '--aclfile',
    join(folder, 'users.acl'),
  ]
  const redis: Running = await start('redis-server', [join(folder, 'sluice.conf'), ...overrides])
  try {
    await redis.waitForLine(/Ready to accept connections/, 30_000)
    const cli = await start('redis-cli', ['-p', port, '--user', 'default', '--pass', password, 'ping'], {
      input: '',
    })
    await cli.exited
    return cli.output()
  } finally {
    await redis.stop('SIGTERM')
  }
}
