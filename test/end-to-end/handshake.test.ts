import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { apiList, apis } from '#protocol/apis.ts'
import { decodeResponse } from '#protocol/header.ts'
import { apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { type Gateway, startGateway } from '#test/support/gateway.ts'
import { RawClient, withClient } from '#test/support/raw-client.ts'

/** What a client is told before it produces. No cluster is needed: none can be reached here. */
describe('handshakes and refusals', () => {
  let gateway: Gateway

  before(async () => {
    gateway = await startGateway({ clusters: { dead: '127.0.0.1:1' }, routes: { t: 'dead' } })
  })
  after(async () => {
    await gateway?.close()
  })

  test('a gateway whose cluster cannot be reached serves, and says so', async () => {
    assert.equal(await gateway.health('/readyz'), 200)
    await gateway.waitFor('down, with the reason', ({ clusters }) => {
      return clusters.dead!.state === 'down' && /ECONNREFUSED 127\.0\.0\.1:1/.test(clusters.dead!.reason)
    })
  })

  for (const version of [0, 1, 2, 3, 4]) {
    test(`ApiVersions ${version} lists what the table lists`, async () => {
      const answer = await withClient(gateway.port, (client) =>
        client.request('apiVersions', version, {
          clientSoftwareName: 'a-client',
          clientSoftwareVersion: '1.0',
        }),
      )
      assert.equal(answer.errorCode, 0)
      const listed = apiList.flatMap(({ key, listed }) =>
        listed ? [{ apiKey: key, minVersion: listed.min, maxVersion: listed.max }] : [],
      )
      assert.deepEqual(
        answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => ({ apiKey, minVersion, maxVersion })),
        listed,
      )
    })
  }

  for (const version of [5, 99]) {
    test(`ApiVersions ${version} is answered 35 in version 0, and the connection stays usable`, async () => {
      await withClient(gateway.port, async (client) => {
        const request = client.encode('apiVersions', 4, {
          clientSoftwareName: 'a-client',
          clientSoftwareVersion: '1.0',
        })
        request.writeInt16BE(version, 6)
        client.send(request)
        const answer = decodeResponse(apis.apiVersions, apiVersionsResponse, 0, await client.frame())
        assert.equal(answer.errorCode, 35)
        assert.deepEqual(
          answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion]),
          [[18, 0, 4]],
        )
        const again = await client.request('apiVersions', 0, {})
        assert.equal(again.errorCode, 0)
      })
    })
  }

  test('a name of software that could not be a label is refused', async () => {
    const answer = await withClient(gateway.port, (client) =>
      client.request('apiVersions', 3, { clientSoftwareName: 'a b"c', clientSoftwareVersion: '' }),
    )
    assert.equal(answer.errorCode, 42)
  })

  test('producer ids are made here: 2^62 and up, all different, epoch 0', async () => {
    const ids = new Set<bigint>()
    await withClient(gateway.port, async (client) => {
      for (let version = 0; version <= 5; version++) {
        for (let i = 0; i < 20; i++) {
          const answer = await client.request('initProducerId', version, { transactionalId: null })
          assert.deepEqual([answer.errorCode, answer.producerEpoch], [0, 0])
          assert.ok(answer.producerId >= 1n << 62n)
          ids.add(answer.producerId)
        }
      }
    })
    assert.equal(ids.size, 120)
  })

  test('transactions are refused with 53, groups with 30, consumers with 29', async () => {
    await withClient(gateway.port, async (client) => {
      const init = await client.request('initProducerId', 3, { transactionalId: 'tx', producerId: -1n })
      assert.equal(init.errorCode, 53)
      const transaction = await client.request('findCoordinator', 2, { key: 'tx', keyType: 1 })
      assert.equal(transaction.errorCode, 53)
      const group = await client.request('findCoordinator', 2, { key: 'g', keyType: 0 })
      assert.equal(group.errorCode, 30)
      const fetched = await client.request('fetch', 11, {
        topics: [{ topic: 't', partitions: [{ partition: 4 }] }],
      })
      const [partition] = fetched.responses[0]!.partitions
      assert.deepEqual([partition!.partitionIndex, partition!.errorCode], [4, 29])
      const offsets = await client.request('listOffsets', 5, {
        topics: [{ name: 't', partitions: [{ partitionIndex: 4 }] }],
      })
      assert.equal(offsets.topics[0]!.partitions[0]!.errorCode, 29)
    })
  })

  test('a routed topic of a cluster that cannot be asked is 5, an unrouted one 17', async () => {
    const answer = await withClient(gateway.port, (client) =>
      client.request('metadata', 9, { topics: [{ name: 'topic' }, { name: 'unrouted' }] }),
    )
    assert.deepEqual(
      answer.topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['topic', 5],
        ['unrouted', 17],
      ],
    )
  })

  test('what is not listed, and versions out of range, close the connection with a logged reason', async () => {
    const cases: [number, number, string][] = [
      [9999, 0, 'unsupported_api'],
      [8, 3, 'unsupported_api'],
      [apis.produce.key, 2, 'unsupported_version'],
      [apis.produce.key, 13, 'unsupported_version'],
    ]
    for (const [key, version, reason] of cases) {
      const client = await RawClient.connect(gateway.port)
      const request = client.encode('metadata', 4, { topics: [], allowAutoTopicCreation: false })
      request.writeInt16BE(key, 4)
      request.writeInt16BE(version, 6)
      client.send(request)
      await client.closed
      const detail = key < 100 && reason === 'unsupported_version' ? `Produce ${version}` : `API key ${key}`
      await gateway.running.waitForLine(new RegExp(`"reason":"${reason}","detail":"${detail}\\b`), 10_000)
    }
  })
})
