import { describeNode, FakeCluster, newFleet } from '#test/fleet/fleet-kit.ts'
import type { TestRedis } from '#test/support/redis.ts'

/**
 * A node of a fleet whose clock is right for a while and then wrong. Arguments: the port of Redis, its key
 * prefix, by how many ms the clock is to be wrong, and after how many ms. It writes a line for each reading.
 */
const [port, keyPrefix, wrongBy, after] = process.argv.slice(2)
const real = Date.now
const begin = performance.now()
Date.now = () => real() + (performance.now() - begin > Number(after) ? Number(wrongBy) : 0)

const cluster = new FakeCluster()
const { name, reader, ...rest } = cluster.asCluster('wrong')
const read = async () => {
  console.log('read')
  return reader.read()
}
const redis = { url: `redis://127.0.0.1:${port}/0` } as TestRedis
const fleet = newFleet(redis, keyPrefix!, describeNode('wrong'))
await fleet.start([{ ...rest, name, reader: { ...reader, read } }])
console.log('started')
