import { connect, type Socket } from 'node:net'
import { type Api, apis } from '#protocol/apis.ts'
import { FrameSplitter } from '#protocol/framing.ts'
import { decodeResponse, encodeRequest } from '#protocol/header.ts'
import { produceRequest } from '#protocol/messages/00-produce.ts'
import { metadataRequest, metadataResponse } from '#protocol/messages/03-metadata.ts'
import { initProducerIdRequest, initProducerIdResponse } from '#protocol/messages/22-init-producer-id.ts'
import { readProduceResponse } from '#protocol/produce-wire.ts'
import type { Input, Message } from '#protocol/schema.ts'
import { syntheticBatch } from '#sandbox/synthetic-batch.ts'

export interface SyntheticSpec {
  name: string
  bootstrap: { host: string; port: number }
  topic: string
  /** Batches per second on average, Poisson; each of one record. */
  perSecond: number
  valueBytes: number
  /** Called for each acknowledged batch. @param ms from the moment it was due */
  onAck(ack: SyntheticAck, ms: number): void
}

export interface SyntheticAck {
  topic: string
  partition: number
  producerId: bigint
  sequence: number
  offset: number
}

interface Waiting {
  dueAt: number
  sequence: number
  bytes: Buffer
}

type Answered = (frame: Buffer) => void
const RECONNECT_MS = 500
const TIMEOUT_MS = 30_000

/**
 * A small idempotent producer: the demo's crowd. It keeps one batch in flight per partition, sends it again
 * until it is acknowledged, and reconnects; so whatever happens between, each batch is stored once.
 */
export class SyntheticProducer {
  readonly spec: SyntheticSpec
  errors = 0
  connects = 0
  /** A share of `perSecond`, from the next batch on. */
  load = 1
  #socket: Socket | null = null
  #producerId = -1n
  /** The socket is the leader's: until then an answer to a batch would be taken for another one's. */
  #ready = false
  #stopped = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  readonly #partitions: { next: number; queue: Waiting[]; busy: boolean }[] = []
  readonly #answers: Answered[] = []

  constructor(spec: SyntheticSpec) {
    this.spec = spec
  }

  /** Batches made and not acknowledged. */
  get unacked(): number {
    let sum = 0
    for (const { queue } of this.#partitions) sum += queue.length
    return sum
  }

  /** Connects, however often it takes, and begins to produce. */
  async start(): Promise<void> {
    await this.#reconnect(0)
    this.#scheduleNext()
  }

  /** Makes no further batch; those made are still delivered. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Gives up what is not acknowledged. */
  close(): void {
    this.stop()
    this.#closed = true
    this.#socket?.removeAllListeners('close')
    this.#socket?.destroy()
  }

  get #isDone(): boolean {
    return this.#closed || (this.#stopped && this.unacked === 0)
  }

  async #connect(): Promise<void> {
    const { host, port } = this.spec.bootstrap
    await this.#dial(host, port)
    if (this.#producerId < 0n) {
      const body = { transactionalId: null, transactionTimeoutMs: -1 }
      const answer = await this.#call(
        apis.initProducerId,
        1,
        initProducerIdRequest,
        initProducerIdResponse,
        body,
      )
      this.#producerId = answer.producerId
    }
    const topics = [{ name: this.spec.topic }]
    const metadata = await this.#call(apis.metadata, 7, metadataRequest, metadataResponse, { topics })
    const { partitions } = metadata.topics[0]!
    while (this.#partitions.length < partitions.length) {
      this.#partitions.push({ next: 0, queue: [], busy: false })
    }
    const leader = metadata.brokers.find(({ nodeId }) => nodeId === partitions[0]?.leaderId)
    if (!leader) throw new Error(`${this.spec.topic} has no leader`)
    if (leader.port !== port) await this.#dial(leader.host, leader.port)
    if (this.#closed) return void this.#socket!.destroy()
    this.#socket!.once('close', () => void this.#reconnect())
    this.#ready = true
    for (const index of this.#partitions.keys()) this.#pump(index)
  }

  async #reconnect(waitMs = RECONNECT_MS): Promise<void> {
    this.#ready = false
    for (let wait = waitMs; !this.#isDone; wait = RECONNECT_MS) {
      this.#answers.length = 0
      for (const partition of this.#partitions) partition.busy = false
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())))
      if (this.#closed) return
      try {
        return await this.#connect()
      } catch {
        this.errors++
      }
    }
  }

  #dial(host: string, port: number): Promise<void> {
    this.#socket?.destroy()
    this.connects++
    const splitter = new FrameSplitter(1024 * 1024)
    const socket = connect({ host, port, noDelay: true })
    this.#socket = socket
    socket.on('data', (chunk) => {
      splitter.push(chunk)
      for (let frame = splitter.next(); frame; frame = splitter.next()) this.#answers.shift()?.(frame)
    })
    return new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.on('error', reject)
    })
  }

  #call<Q, A>(
    api: Api,
    version: number,
    request: Message<Q>,
    response: Message<A>,
    body: Input<Q>,
  ): Promise<A> {
    const socket = this.#socket!
    return new Promise((resolve, reject) => {
      socket.once('close', () => reject(new Error('the connection was closed')))
      this.#answers.push((frame) => resolve(decodeResponse(api, response, version, frame)))
      const header = { apiVersion: version, correlationId: 0, clientId: this.spec.name }
      socket.write(encodeRequest(api, request, header, body))
    })
  }

  #scheduleNext(): void {
    const wait = (-Math.log(1 - Math.random()) * 1000) / (this.spec.perSecond * this.load)
    this.#timer = setTimeout(() => {
      this.#make()
      if (!this.#stopped) this.#scheduleNext()
    }, wait)
  }

  #make(): void {
    const index = Math.floor(Math.random() * this.#partitions.length)
    const partition = this.#partitions[index]!
    const sequence = partition.next++
    const value = Buffer.alloc(this.spec.valueBytes, `${this.spec.name} ${sequence} `)
    const bytes = syntheticBatch(this.#producerId, sequence, value)
    partition.queue.push({ dueAt: performance.now(), sequence, bytes })
    this.#pump(index)
  }

  #pump(index: number): void {
    const partition = this.#partitions[index]!
    const head = partition.queue[0]
    const socket = this.#socket
    if (!head || !this.#ready || partition.busy || socket?.readyState !== 'open') return
    partition.busy = true
    this.#answers.push((frame) => {
      partition.busy = false
      readProduceResponse(frame, 9, (topic, _partition, { errorCode, baseOffset }) => {
        if (errorCode !== 0) this.errors++
        else {
          partition.queue.shift()
          const { sequence, dueAt } = head
          const ack = { topic, partition: index, producerId: this.#producerId, sequence, offset: baseOffset }
          this.spec.onAck(ack, performance.now() - dueAt)
        }
      })
      this.#pump(index)
    })
    const header = { apiVersion: 9, correlationId: 0, clientId: this.spec.name }
    const partitionData = [{ index, records: head.bytes }]
    const topicData = [{ name: this.spec.topic, partitionData }]
    const body = { transactionalId: null, acks: -1, timeoutMs: TIMEOUT_MS, topicData }
    socket.write(encodeRequest(apis.produce, produceRequest, header, body))
  }
}
