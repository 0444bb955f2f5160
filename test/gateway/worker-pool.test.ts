import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Config } from '#gateway/config-schema.ts'
import type { Down, Up } from '#gateway/control-channel.ts'
import { WorkerPool } from '#gateway/worker-pool.ts'
import { createLog } from '#telemetry/log.ts'
import { configOf } from '#test/gateway/config-fixture.ts'
import { until } from '#test/upstream/stub-broker.ts'

const log = createLog({ level: 'silent', format: 'json', node: 'test' })
const pools: WorkerPool[] = []
after(async () => {
  const pids = pools.flatMap((pool) => pool.pids)
  for (const pool of pools) pool.stop()
  await until(() => !pids.some(isAlive), 'all workers are gone')
})

/** One listener, one cluster that nobody can reach. */
function config(bind = '127.0.0.1:0', workers = 2): Config {
  return configOf(`version: 1
clusterId: test
node: { id: gw, workers: ${workers} }
listeners:
  - { name: public, bind: ${bind}, advertised: { perCluster: false } }
clusters:
  - { name: eu, bootstrapServers: ['127.0.0.1:1'] }
routes:
  - { match: default, cluster: eu }
log: { level: error, format: json }
`)
}

async function started(forked = true, using = config()) {
  const messages: Up[] = []
  let starts = 0
  const news: Down = { type: 'topics', cluster: 'eu', changes: { a: { partitions: 3, internal: false } } }
  const pool = new WorkerPool(using, forked, log, {
    onStarting: (send) => {
      starts++
      send(news)
    },
    onMessage: (message) => messages.push(message),
  })
  pools.push(pool)
  await pool.start()
  return { pool, messages, starts: () => starts, port: pool.ports.public! }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const kill = (pid: number) => process.kill(pid, 'SIGKILL')

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    // ApiVersions v0, correlation id 7.
    socket.write(Buffer.from('0000000a0012000000000007ffff', 'hex'))
    const [chunk] = await once(socket, 'data')
    return chunk.readInt32BE(4) === 7
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

describe('two workers', () => {
  let pool: WorkerPool
  let port: number
  let starts: () => number
  before(async () => ({ pool, port, starts } = await started()))

  test('share one port, and what they count is added up', async () => {
    assert.equal(new Set(pool.pids).size, 2)
    assert.equal(starts(), 2)
    for (let i = 0; i < 10; i++) assert.ok(await answers(port))
    await until(() => pool.sample()!.accepted === 10, 'all are counted')
    assert.equal(pool.sample()!.memoryBudget, config().limits.memory)
  })

  test('keep another node off their port, though it could be shared', async () => {
    await assert.rejects(started(true, config(`127.0.0.1:${port}`)), new RegExp(`port ${port} is in use`))
  })

  test('one that dies is replaced, the other serves on, and nothing counted is lost', async () => {
    const [first, second] = pool.pids
    kill(first!)
    await until(() => pool.pids[0] !== first, 'it is replaced')
    await until(() => pool.sample()?.memoryBudget === config().limits.memory, 'both have reported')
    assert.equal(pool.sample()!.accepted, 10)
    assert.equal(pool.pids[1], second)
    assert.equal(starts(), 3, 'the new one was told what the others know')
    assert.deepEqual(pool.ports, { public: port })
    assert.ok(await answers(port))
  })

  test('are drained although one died just before', async () => {
    const pids = pool.pids
    const before = pool.restarts
    kill(pids[0]!)
    await until(() => pool.restarts > before, 'its death is known')
    await pool.drain(1000)
    assert.equal(await answers(port), false)
    pool.stop()
    await until(() => !pids.some(isAlive), 'they are gone')
    assert.deepEqual(pool.pids, pids, 'and none was started for them')
  })
})

describe('one worker', () => {
  test('that cannot be started again is tried until it can', async (context) => {
    const { pool, port } = await started(true, config('127.0.0.1:0', 1))
    const [pid] = pool.pids
    kill(pid!)
    await until(() => !isAlive(pid!), 'it is gone')
    const other = createServer().listen(port, '127.0.0.1')
    context.after(() => other.close())
    await once(other, 'listening')
    await until(() => pool.restarts >= 2, 'a restart has failed')
    other.close()
    await until(() => pool.sample()?.memoryBudget === config().limits.memory, 'it serves again')
    assert.ok(await answers(port))
  })

  test('that hangs is not waited for, and is ended', async () => {
    const { pool } = await started(true, config('127.0.0.1:0', 1))
    const [pid] = pool.pids
    process.kill(pid!, 'SIGSTOP')
    await pool.drain(200)
    pool.stop()
    await until(() => !isAlive(pid!), 'it is ended')
  })

  test('does not get a port that another process has; the error names it', async (context) => {
    const other = createServer().listen(0, '127.0.0.1')
    context.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await assert.rejects(started(true, config(`127.0.0.1:${port}`)), new RegExp(`port ${port} is in use`))
  })

  test('inside this process has the whole budget of the node', async () => {
    const { pool, port } = await started(false, config('127.0.0.1:0', 4))
    assert.deepEqual(pool.pids, [])
    assert.ok(await answers(port))
    await until(() => pool.sample() !== null, 'it has reported')
    assert.equal(pool.sample()!.memoryBudget, config().limits.memory)
    await pool.drain(500)
    assert.equal(await answers(port), false)
  })
})
