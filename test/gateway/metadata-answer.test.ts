import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListenerConfig } from '#gateway/config-schema.ts'
import { answerMetadata, MetadataBlobs } from '#gateway/metadata-answer.ts'
import type { Request } from '#gateway/request.ts'
import type { TopicAnswer } from '#gateway/topics.ts'
import { VirtualCluster } from '#gateway/virtual-brokers.ts'
import { apis } from '#protocol/apis.ts'
import { decodeResponse, encodeResponse } from '#protocol/header.ts'
import { metadataResponse } from '#protocol/messages/03-metadata.ts'

const LISTENER: ListenerConfig = {
  name: 'public',
  bind: { host: 'h', port: 9092 },
  proxyProtocol: 'off',
  advertised: { mode: 'shared', host: 'h', port: 9092, perCluster: true },
}
const virtual = new VirtualCluster(LISTENER, 'gw-1')
virtual.show({ host: 'h', port: 9092, clusters: { eu: 9093 } }, [{ name: 'eu', id: 7 }])
const topic = (partitions: number): TopicAnswer => ({
  errorCode: 0,
  partitions,
  internal: false,
  cluster: 'eu',
})

async function answer(
  version: number,
  topics: [string, TopicAnswer][],
  blobs = new MetadataBlobs(),
): Promise<Buffer> {
  let frame: Buffer | undefined
  const request = {
    version,
    header: { correlationId: 99 },
    connection: { virtual, worker: { blobs, zone: null, clusterId: 'sluice' } },
    respond: (bytes: Buffer) => (frame = bytes),
  } as unknown as Request
  await answerMetadata(request, topics, [])
  return frame!
}

for (let version = 0; version <= 12; version++) {
  test(`version ${version}: an answer put together is the one that the grammar encodes`, async () => {
    const topics: [string, TopicAnswer][] = [
      ['orders', topic(3)],
      ['gone', { ...topic(0), errorCode: 3 }],
      ['empty', topic(0)],
    ]
    const blobs = new MetadataBlobs()
    const first = await answer(version, topics, blobs)
    const decoded = decodeResponse(apis.metadata, metadataResponse, version, first.subarray(4))
    assert.deepEqual(
      decoded.topics.map(({ name, errorCode, partitions }) => [
        name,
        errorCode,
        partitions.map((p) => p.leaderId),
      ]),
      [
        ['orders', 0, [7, 7, 7]],
        ['gone', 3, []],
        ['empty', 0, []],
      ],
    )
    assert.deepEqual(encodeResponse(apis.metadata, metadataResponse, version, 99, decoded), first)
    assert.deepEqual(await answer(version, topics, blobs), first, 'and again from what was kept')
  })
}

test('a topic that has grown is encoded anew', async () => {
  const blobs = new MetadataBlobs()
  await answer(9, [['orders', topic(3)]], blobs)
  const frame = await answer(9, [['orders', topic(5)]], blobs)
  const { topics } = decodeResponse(apis.metadata, metadataResponse, 9, frame.subarray(4))
  assert.equal(topics[0]!.partitions.length, 5)
})

test('a topic of a cluster that not every node serves yet is answered 5', async () => {
  const frame = await answer(9, [['orders', { ...topic(3), cluster: 'new' }]])
  const { topics } = decodeResponse(apis.metadata, metadataResponse, 9, frame.subarray(4))
  assert.deepEqual([topics[0]!.errorCode, topics[0]!.partitions], [5, []])
})

test('with other nodes the same topic is encoded anew', async () => {
  const blobs = new MetadataBlobs()
  const leadersOf = async () => {
    const { topics } = decodeResponse(
      apis.metadata,
      metadataResponse,
      9,
      (await answer(9, [['orders', topic(40)]], blobs)).subarray(4),
    )
    return new Set(topics[0]!.partitions.map(({ leaderId }) => leaderId))
  }
  assert.deepEqual([...(await leadersOf())], [7])
  const perNode = new VirtualCluster(
    { ...LISTENER, advertised: { ...LISTENER.advertised, mode: 'per_node' } },
    'gw-1',
  )
  perNode.show({ host: 'h', port: 9092, clusters: { eu: 9093 } }, [{ name: 'eu', id: 7 }])
  const { view } = virtual
  const nodes = [1, 2].map((slot) => {
    const public_ = { host: `n${slot}`, port: 1, clusters: { eu: 2 } }
    return { id: `n${slot}`, slot, listeners: { public: public_ } }
  })
  perNode.onNodes(nodes)
  virtual.view = perNode.view
  assert.deepEqual([...(await leadersOf())].sort(), [1024 + 7, 2048 + 7])
  virtual.view = view
})

test('a large answer leaves the event loop free in between', async () => {
  const topics = Array.from({ length: 2000 }, (_, i): [string, TopicAnswer] => [`topic-${i}`, topic(6)])
  let turns = 0
  const count = setInterval(() => {}, 1)
  const spin = () => {
    turns++
    if (turns < 1000) immediate = setImmediate(spin)
  }
  let immediate = setImmediate(spin)
  const frame = await answer(9, topics)
  clearImmediate(immediate)
  clearInterval(count)
  assert.ok(turns >= 10, `${turns} turns of the event loop`)
  const decoded = decodeResponse(apis.metadata, metadataResponse, 9, frame.subarray(4))
  assert.equal(decoded.topics.length, 2000)
})
