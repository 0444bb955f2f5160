import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeControl, openStage } from '#test/gateway/admin-stage.ts'
import { BASE, configOf } from '#test/gateway/config-fixture.ts'
import { client, fleet } from '#test/status/states.ts'

const API = '/api/v1'

test('the state, of the fleet or of the node alone, with names asked for', async (context) => {
  const { get, live } = await openStage(context)
  const response = await get(`${API}/state`)
  assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  assert.equal(response.headers.get('cache-control'), 'no-store')
  assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(fleet())))
  await get(`${API}/state?scope=node&topic=a&topic=b&client=x`)
  await get(`${API}/state?scope=fleet`)
  assert.deepEqual(live.asked, [
    { scope: 'fleet', topics: [], clients: [] },
    { scope: 'node', topics: ['a', 'b'], clients: ['x'] },
    { scope: 'fleet', topics: [], clients: [] },
  ])
})

test('its parts', async (context) => {
  const { get } = await openStage(context)
  const json = async (path: string) => (await get(`${API}/${path}`)).json()
  const { clusters, nodes, clients } = JSON.parse(JSON.stringify(fleet()))
  assert.deepEqual(await json('clusters'), clusters)
  assert.deepEqual(await json('nodes'), nodes)
  assert.deepEqual(await json('clients'), clients)
})

test('clients by their id', async (context) => {
  const { get, live } = await openStage(context)
  live.current = fleet({ clients: [client('a', 9), client('b', 8), client('', 7), client('b', 6)] })
  const ids = async (query: string) => {
    const found = (await (await get(`${API}/clients?${query}`)).json()) as {
      id: string
      rates: { bytesIn: number }
    }[]
    return found.map(({ rates }) => rates.bytesIn)
  }
  assert.deepEqual(await ids('id=b'), [8, 6])
  assert.deepEqual(await ids('id='), [7])
  assert.deepEqual(await ids('id=a&id=c'), [9])
  assert.deepEqual(live.asked.at(-1), { scope: 'fleet', topics: [], clients: ['a', 'c'] })
})

test('the rules in the order in which they count, and how many topics each takes', async (context) => {
  const base = `version: 1
clusterId: test
listeners:
  - { name: public, bind: 127.0.0.1:9092 }
clusters:
  - { name: eu, bootstrapServers: [k1:9092], portOffset: 1 }
  - { name: us, bootstrapServers: [k2:9092], portOffset: 2 }
routes:
  - { match: default, cluster: eu }
  - { match: { prefix: orders. }, cluster: us }
  - { match: { topic: audit }, cluster: eu }
  - { match: { prefix: orders.eu }, cluster: eu }
  - { match: { topic: default }, cluster: us }
admin: { bind: 127.0.0.1:0 }
`
  const control = fakeControl('health: { bind: 127.0.0.1:0 }\n', base)
  const topic = { partitions: 1, internal: false }
  const us = new Map(['orders.us', 'orders.x', 'audit', 'default', 'elsewhere'].map((name) => [name, topic]))
  control.fleet.clusters.set('us', { map: { topics: us } })
  const { get } = await openStage(context, { control })
  // eu has orders.eu, orders.us, audit and one that Kafka keeps to itself.
  assert.deepEqual(await (await get(`${API}/routes`)).json(), [
    { match: { topic: 'audit' }, cluster: 'eu', topics: 1 },
    { match: { topic: 'default' }, cluster: 'us', topics: 1 },
    { match: { prefix: 'orders.eu' }, cluster: 'eu', topics: 1 },
    { match: { prefix: 'orders.' }, cluster: 'us', topics: 2 },
    { match: 'default', cluster: 'eu', topics: 0 },
  ])
})

test('the configuration, with what is secret in it masked', async (context) => {
  const sections =
    'admin: { bind: 127.0.0.1:0 }\nhealth: { bind: 127.0.0.1:0 }\n' +
    `fleet: { redis: { url: "redis://me:\${PASSWORD}@127.0.0.1:6379/0" } }\n`
  const control = fakeControl()
  control.config = configOf(`${BASE}${sections}`, { env: { PASSWORD: 'very-secret' } })
  const { get } = await openStage(context, { control })
  const text = await (await get(`${API}/config`)).text()
  assert.ok(!text.includes('very-secret'))
  const config = JSON.parse(text)
  assert.match(config.fleet.redis.url, /^redis:\/\/me:\*+@127\.0\.0\.1:6379\/0$/)
  assert.equal(config.drain.timeout, '25s')
  assert.deepEqual(config.clusters[0].bootstrapServers, ['k1:9092'])
})

test('a query that makes no sense is refused, in words', async (context) => {
  const { get } = await openStage(context)
  const answer = async (path: string) => {
    const response = await get(`${API}/${path}`)
    return [response.status, ((await response.json()) as { error: string }).error]
  }
  const many = Array.from({ length: 51 }, (_, i) => `topic=t${i}`).join('&')
  assert.deepEqual(await answer('state?scope=cluster'), [
    400,
    'scope must be fleet or node, but is "cluster"',
  ])
  assert.deepEqual(await answer('state?scope=node&scope=fleet'), [
    400,
    'scope must be fleet or node, but is "node", "fleet"',
  ])
  assert.deepEqual(await answer('state?topics=a'), [
    400,
    'there is no parameter "topics" here; did you mean "topic"?',
  ])
  assert.deepEqual(await answer('nodes?x=1'), [400, 'there is no parameter "x" here'])
  assert.deepEqual(await answer(`state?${many}`), [400, 'topic may be given 50 times, not 51 times'])
  assert.deepEqual(await answer(`clients?id=${'x'.repeat(250)}`), [
    400,
    'id may have 249 characters, not 250',
  ])
})
