import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { apis } from '#protocol/apis.ts'
import { decodeResponse, encodeRequest } from '#protocol/header.ts'
import { produceRequest, produceResponse } from '#protocol/messages/00-produce.ts'
import { fetchRequest, fetchResponse } from '#protocol/messages/01-fetch.ts'
import { listOffsetsRequest, listOffsetsResponse } from '#protocol/messages/02-list-offsets.ts'
import { metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { findCoordinatorRequest, findCoordinatorResponse } from '#protocol/messages/10-find-coordinator.ts'
import { apiVersionsRequest, apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { createTopicsRequest, createTopicsResponse } from '#protocol/messages/19-create-topics.ts'
import { initProducerIdRequest, initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'
import type { Decoded, Input, Message } from '#protocol/schema.ts'
import { within } from '#test/support/processes.ts'

const MESSAGES = {
  produce: { request: produceRequest, response: produceResponse },
  fetch: { request: fetchRequest, response: fetchResponse },
  listOffsets: { request: listOffsetsRequest, response: listOffsetsResponse },
  metadata: { request: metadataRequest, response: metadataResponse },
  findCoordinator: { request: findCoordinatorRequest, response: findCoordinatorResponse },
  apiVersions: { request: apiVersionsRequest, response: apiVersionsResponse },
  createTopics: { request: createTopicsRequest, response: createTopicsResponse },
  initProducerId: { request: initProducerIdRequest, response: initProducerIdResponse },
} as const

export type ApiName = keyof typeof MESSAGES
export type RequestBody<N extends ApiName> = Input<Decoded<(typeof MESSAGES)[N]['request']>>
export type ResponseBody<N extends ApiName> = Decoded<(typeof MESSAGES)[N]['response']>

const TIMEOUT_MS = 30_000

interface Waiter {
  resolve(frame: Buffer): void
  reject(error: Error): void
}

/** One TCP connection that speaks Kafka, or anything else it is told to write. */
export class RawClient {
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>
  isClosed = false
  clientId: string | null = 'raw'
  readonly socket: Socket
  #correlationId = 0
  #rest: Buffer = Buffer.alloc(0)
  readonly #frames: Buffer[] = []
  readonly #waiters: Waiter[] = []

  static async connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host, noDelay: true })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true
        for (const { reject } of this.#waiters.splice(0)) reject(new Error('the connection was closed'))
        resolve()
      })
    })
  }

  /** Writes bytes as they are. */
  send(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** The frame of a request, length prefix included, with the next correlation id. */
  encode<N extends ApiName>(name: N, version: number, body: RequestBody<N>): Buffer {
    const { request } = MESSAGES[name] as { request: Message<any> }
    const header = { apiVersion: version, correlationId: ++this.#correlationId, clientId: this.clientId }
    return encodeRequest(apis[name], request, header, body)
  }

  /** Sends a request that gets no answer (Produce with acks=0). */
  post<N extends ApiName>(name: N, version: number, body: RequestBody<N>): void {
    this.send(this.encode(name, version, body))
  }

  /** Sends a request and reads its answer. Several may be under way: answers come in order. */
  async request<N extends ApiName>(
    name: N,
    version: number,
    body: RequestBody<N>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<ResponseBody<N>> {
    const bytes = this.encode(name, version, body)
    const correlationId = this.#correlationId
    this.send(bytes)
    const frame = await this.frame(timeoutMs)
    const answered = frame.readInt32BE(0)
    if (answered !== correlationId) throw new Error(`answer ${answered} to request ${correlationId}`)
    const { response } = MESSAGES[name] as { response: Message<any> }
    return decodeResponse(apis[name], response, version, frame)
  }

  /** The next frame from the other side, without its length prefix. @throws when the connection closes */
  async frame(timeoutMs = TIMEOUT_MS): Promise<Buffer> {
    const here = this.#frames.shift()
    if (here) return here
    if (this.isClosed) throw new Error('the connection is closed')
    const frame = new Promise<Buffer>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    return within(timeoutMs, frame, () => `no answer in ${timeoutMs} ms`)
  }

  async close(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 4) {
      const length = this.#rest.readInt32BE(0)
      if (length < 4) throw new Error(`the other side sent a frame of ${length} bytes`)
      if (this.#rest.length < 4 + length) return
      const frame = this.#rest.subarray(4, 4 + length)
      this.#rest = this.#rest.subarray(4 + length)
      const waiter = this.#waiters.shift()
      if (waiter) waiter.resolve(frame)
      else this.#frames.push(frame)
    }
  }
}

/** Opens a connection for one piece of work. */
export async function withClient<T>(
  port: number,
  work: (client: RawClient) => Promise<T>,
  host?: string,
): Promise<T> {
  const client = await RawClient.connect(port, host)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

type Address = { host: string; port: number }

/** Where the leader of each partition of a topic is, by partition. @throws if one has none */
async function leadersOf(bootstrapPort: number, topic: string): Promise<Map<number, Address>> {
  const answer = await withClient(bootstrapPort, (client) =>
    client.request('metadata', 4, { topics: [{ name: topic }], allowAutoTopicCreation: false }),
  )
  const { errorCode, partitions } = answer.topics[0]!
  if (errorCode !== 0) throw new Error(`Metadata of ${topic} answered ${errorCode}`)
  const brokers = new Map(answer.brokers.map((broker) => [broker.nodeId, broker]))
  return new Map(
    partitions.map(({ partitionIndex, leaderId }) => {
      const leader = brokers.get(leaderId)
      if (!leader) throw new Error(`${topic}-${partitionIndex} has no leader`)
      return [partitionIndex, leader]
    }),
  )
}

export async function leaderOf(bootstrapPort: number, topic: string, partition: number): Promise<Address> {
  const leader = (await leadersOf(bootstrapPort, topic)).get(partition)
  if (!leader) throw new Error(`${topic} has no partition ${partition}`)
  return leader
}

/** Per partition, the offset behind the last record that consumers may see. */
export async function endOffsets(bootstrapPort: number, topic: string): Promise<Map<number, bigint>> {
  const leaders = await leadersOf(bootstrapPort, topic)
  const ends = new Map<number, bigint>()
  for (const leader of new Set(leaders.values())) {
    const led = [...leaders].filter(([, address]) => address === leader)
    const partitions = led.map(([partitionIndex]) => ({ partitionIndex, timestamp: -1n }))
    const answer = await withClient(
      leader.port,
      (client) => client.request('listOffsets', 2, { replicaId: -1, topics: [{ name: topic, partitions }] }),
      leader.host,
    )
    for (const { partitionIndex, errorCode, offset } of answer.topics[0]!.partitions) {
      if (errorCode !== 0) throw new Error(`ListOffsets of ${topic}-${partitionIndex} answered ${errorCode}`)
      ends.set(partitionIndex, offset)
    }
  }
  return ends
}

export async function endOffset(bootstrapPort: number, topic: string, partition: number): Promise<bigint> {
  const end = (await endOffsets(bootstrapPort, topic)).get(partition)
  if (end === undefined) throw new Error(`${topic} has no partition ${partition}`)
  return end
}

/** Every stored RecordBatch of a partition, byte by byte as the leader keeps it, from offset 0 on. */
export async function readBatches(
  bootstrapPort: number,
  topic: string,
  partition: number,
): Promise<Buffer[]> {
  const end = await endOffset(bootstrapPort, topic, partition)
  const { host, port } = await leaderOf(bootstrapPort, topic, partition)
  const batches: Buffer[] = []
  await withClient(
    port,
    async (client) => {
      for (let next = 0n; next < end; ) {
        const records = await fetchAt(client, topic, partition, next)
        const found = splitBatches(records)
        if (found.length === 0) throw new Error(`no batch at offset ${next} of ${topic}-${partition}`)
        batches.push(...found)
        const last = found.at(-1)!
        next = last.readBigInt64BE(0) + BigInt(last.readInt32BE(23)) + 1n
      }
    },
    host,
  )
  return batches
}

async function fetchAt(client: RawClient, topic: string, partition: number, at: bigint): Promise<Buffer> {
  const answer = await client.request('fetch', 10, {
    maxWaitMs: 1000,
    minBytes: 1,
    topics: [{ topic, partitions: [{ partition, fetchOffset: at, partitionMaxBytes: 8 << 20 }] }],
  })
  const { errorCode, records } = answer.responses[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`Fetch of ${topic}-${partition} answered ${errorCode}`)
  return records ?? Buffer.alloc(0)
}

/** A batch that was cut off at the end of an answer is left out. */
function splitBatches(records: Buffer): Buffer[] {
  const batches: Buffer[] = []
  for (let at = 0; at + 12 <= records.length; ) {
    const end = at + 12 + records.readInt32BE(at + 8)
    if (end > records.length) break
    batches.push(records.subarray(at, end))
    at = end
  }
  return batches
}
