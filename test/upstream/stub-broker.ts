import { createServer, type Server, type Socket } from 'node:net'
import { apis } from '#protocol/apis.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { encodeResponse, finishRequestHeader, readRequestHeader } from '#protocol/header.ts'
import { type MetadataResponse, metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { apiVersionsResponse } from '#protocol/messages/18-api-versions.ts'
import { Reader } from '#protocol/reader.ts'
import type { Input } from '#protocol/schema.ts'

export interface Asked {
  key: number
  version: number
  correlationId: number
  clientId: string | null
  /** Stands behind the header. */
  body: Reader
  socket: Socket
}

type Topics = Input<MetadataResponse>['topics']
type Ranges = Record<number, [min: number, max: number]>

const RANGES: Ranges = { 0: [3, 11], 3: [0, 12], 18: [0, 4] }

/** A tiny broker: it answers ApiVersions and Metadata, and whatever else a test tells it to. */
export class StubBroker {
  readonly nodeId: number
  ranges = RANGES
  clusterId: string | null = 'A'
  /** Who else is in the cluster; itself alone when empty. */
  peers: StubBroker[] = []
  /** Takes connections and requests, and says nothing: a stopped process. */
  frozen = false
  /** Answers a request before anything else does; true when it has. */
  instead: (asked: Asked) => boolean = () => false
  /** What it says of topics that it is asked about. */
  topics: (names: string[] | null) => Topics = (names) =>
    (names ?? []).map((name) => ledBy(name, [this.nodeId]))
  /** Topics of each Metadata question that named some, or all (null). */
  readonly questions: (string[] | null)[] = []
  readonly sockets = new Set<Socket>()
  connections = 0
  port = 0
  readonly #server: Server

  constructor(nodeId = 1) {
    this.nodeId = nodeId
    this.#server = createServer((socket) => this.#serve(socket))
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port }
  }

  listen(): Promise<this> {
    return new Promise((resolve) => {
      this.#server.listen(this.port, '127.0.0.1', () => {
        this.port = (this.#server.address() as { port: number }).port
        resolve(this)
      })
    })
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.connections++
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => {})
    const splitter = new FrameSplitter(1 << 24)
    socket.on('data', (chunk) => {
      if (this.frozen) return
      splitter.push(chunk)
      for (let frame = splitter.next(); frame; frame = splitter.next()) this.#onFrame(socket, frame)
    })
  }

  #onFrame(socket: Socket, frame: Buffer): void {
    const body = new Reader(frame)
    const { apiKey, apiVersion, correlationId, clientId } = readRequestHeader(body)
    const asked = { key: apiKey, version: apiVersion, correlationId, clientId, body, socket }
    if (this.instead(asked)) return
    if (apiKey === apis.apiVersions.key) socket.write(apiVersionsAnswer(asked, this.ranges))
    else if (apiKey === apis.metadata.key) socket.write(this.#metadata(asked))
  }

  #metadata({ version, correlationId, body }: Asked): Buffer {
    finishRequestHeader(body, apis.metadata, version)
    const { topics } = metadataRequest.decode(body, version)
    const names = topics?.map(({ name }) => name!) ?? null
    if (names === null || names.length > 0) this.questions.push(names)
    const brokers = this.peers.length > 0 ? this.peers : [this]
    return encodeResponse(apis.metadata, metadataResponse, version, correlationId, {
      clusterId: this.clusterId,
      controllerId: this.nodeId,
      brokers: brokers.map(({ nodeId, address }) => ({ nodeId, ...address })),
      topics: this.topics(names),
    })
  }
}

export function apiVersionsAnswer({ version, correlationId }: Asked, ranges = RANGES): Buffer {
  const apiKeys = Object.entries(ranges).map(([key, [minVersion, maxVersion]]) => {
    return { apiKey: Number(key), minVersion, maxVersion }
  })
  return encodeResponse(apis.apiVersions, apiVersionsResponse, version, correlationId, { apiKeys })
}

/** A topic whose partitions have these leaders; -1 is none. */
export function ledBy(name: string, leaders: number[]): NonNullable<Topics>[number] {
  return {
    name,
    partitions: leaders.map((leaderId, partitionIndex) => ({
      partitionIndex,
      leaderId,
      errorCode: leaderId < 0 ? 5 : 0,
      replicaNodes: [leaderId],
      isrNodes: [leaderId],
    })),
  }
}

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean, what: string, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
