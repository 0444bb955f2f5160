import type { Broker } from '#sandbox/broker.ts'
import { Cluster } from '#sandbox/cluster.ts'
import type { Fault, Filter } from '#sandbox/faults.ts'
import type { StoredBatch } from '#sandbox/log.ts'
import type { Partition } from '#sandbox/partition.ts'
import type { TopicSpec } from '#sandbox/topic.ts'

/**
 * An in-memory Kafka cluster: what the demo writes to, and what tests put in a real cluster's place. All
 * brokers run in this process, each on a port of its own.
 *
 *     const sandbox = await startSandbox({ brokers: 3, topics: [{ topic: 'orders', partitions: 6 }] })
 *     const lost = sandbox.dropAnswer({ topic: 'orders', partition: 2 })
 *     ...
 *     await sandbox.close()
 *
 * It answers as Kafka 4 does; test/equivalence compares the two and lists every difference. Left out: groups,
 * transactions, TLS, SASL, quotas, creation of topics by Metadata, and a look into compressed records.
 */
export interface SandboxOptions {
  /** For people: part of the default cluster id. */
  name?: string
  /** How many; their ids are 1, 2, 3 ... Default 1. */
  brokers?: number
  clusterId?: string
  topics?: TopicSpec[]
  /** Bound and advertised. Default 127.0.0.1. */
  host?: string
  /** One per broker; 0 or none has a free one chosen. */
  ports?: number[]
  /** Bytes of batches kept in all logs together, the oldest go first. Default 64 MiB; 'all' drops nothing. */
  retainBytes?: number | 'all'
}

const RETAIN_BYTES = 64 * 1024 * 1024

/** Resolves when every broker accepts connections. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = new Sandbox(options)
  await Promise.all(sandbox.brokers.map((broker) => broker.start()))
  return sandbox
}

export class Sandbox {
  readonly name: string
  readonly clusterId: string
  readonly brokers: readonly Broker[]
  readonly #cluster: Cluster

  constructor(options: SandboxOptions) {
    const { name = 'sandbox', host = '127.0.0.1', retainBytes = RETAIN_BYTES } = options
    const ports = Array.from({ length: options.brokers ?? 1 }, (_, i) => options.ports?.[i] ?? 0)
    const limit = retainBytes === 'all' ? Number.POSITIVE_INFINITY : retainBytes
    this.name = name
    this.clusterId = options.clusterId ?? `sandbox-${name}`
    this.#cluster = new Cluster(this.clusterId, host, ports, limit)
    this.brokers = this.#cluster.brokers
    for (const topic of options.topics ?? []) this.createTopic(topic)
  }

  /** `host:port` of all brokers, with commas. */
  get bootstrap(): string {
    return this.brokers.map(({ host, port }) => `${host}:${port}`).join(',')
  }

  /** Of all logs: bytes held, entries included, and what was dropped to stay within `retainBytes`. */
  get retained(): { bytes: number; dropped: { batches: number; bytes: number } } {
    const { bytes, dropped } = this.#cluster.retention
    return { bytes, dropped: { ...dropped } }
  }

  // ── topics ──────────────────────────────────────────────────────────────────────────────────────────

  get topics(): TopicSpec[] {
    return [...this.#cluster.topics.values()].map(({ name, partitions, replicationFactor }) => ({
      topic: name,
      partitions: partitions.length,
      replicas: replicationFactor,
    }))
  }

  /** @throws if it is there already */
  createTopic(spec: TopicSpec): void {
    if (this.#cluster.topics.has(spec.topic)) throw new Error(`topic ${spec.topic} is there already`)
    this.#cluster.createTopic(spec)
  }

  /** @param count partitions in all */
  addPartitions(topic: string, count: number): void {
    this.#partition(topic, 0).topic.grow(count)
  }

  /** Its batches go with it; who waits for a place in it is answered 3. */
  deleteTopic(topic: string): void {
    this.#cluster.deleteTopic(topic)
  }

  /** What is stored, oldest first, whether or not consumers may see it yet. */
  log(topic: string, partition: number): StoredBatch[] {
    return this.#partition(topic, partition).log.batches
  }

  /** Offset behind the last record, as the leader has it. */
  endOffset(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.endOffset
  }

  /** Broker id, −1 for none. */
  leader(topic: string, partition: number): number {
    return this.#partition(topic, partition).leader
  }

  /** At once, everywhere; the new leader has all that the old one had. */
  moveLeader(topic: string, partition: number, brokerId: number): void {
    const moved = this.#partition(topic, partition)
    const { id } = this.#cluster.broker(brokerId)
    if (!moved.replicas.includes(id)) {
      const place = Math.max(0, moved.replicas.indexOf(moved.leader))
      moved.replicas = moved.replicas.with(place, id)
    }
    moved.moveTo(id)
  }

  // ── faults: the filter's default is "every one", `times` is how often it strikes ────────────────────────

  /** Answers come `ms` later, until it is lifted. What was asked is done at once. */
  delay(ms: number, filter: Filter = {}): Fault {
    return this.#cluster.faults.add('delay', filter, ms, Number.POSITIVE_INFINITY)
  }

  /** The batch is refused with `code` and base offset −1. */
  errorBeforeAppend(code: number, filter: Filter = {}, times = 1): Fault {
    return this.#cluster.faults.add('errorBefore', filter, code, times)
  }

  /** The batch is stored, and answered with `code` and its offset. */
  errorAfterAppend(code: number, filter: Filter = {}, times = 1): Fault {
    return this.#cluster.faults.add('errorAfter', filter, code, times)
  }

  /** Everything is stored, and the connection stays open and silent for ever. */
  dropAnswer(filter: Filter = {}, times = 1): Fault {
    return this.#cluster.faults.add('dropAnswer', { api: 'Produce', ...filter }, 0, times)
  }

  /** Everything is stored, and the connection is reset instead of answered. */
  cutAfterAppend(filter: Filter = {}, times = 1): Fault {
    return this.#cluster.faults.add('cut', { api: 'Produce', ...filter }, 0, times)
  }

  /** Produce answers ask for `ms` of silence, and the broker does not read the connection for so long. */
  throttle(ms: number): void {
    this.#cluster.faults.throttleMs = ms
  }

  /** As by SIGSTOP. */
  stall(brokerId: number): void {
    this.#cluster.broker(brokerId).stall()
  }

  unstall(brokerId: number): void {
    this.#cluster.broker(brokerId).unstall()
  }

  /**
   * Followers get what is written from now on `ms` later (Infinity: not before it is set again). acks=all waits
   * for them until its TimeoutMs, and is then answered 7 with the offset. 0 ends it at once.
   */
  slowPartition(topic: string, partition: number, ms: number): void {
    this.#partition(topic, partition).lag(ms)
  }

  /** The cluster notices that a killed broker is gone: other replicas lead its partitions, or none. */
  fence(brokerId: number): void {
    this.#cluster.fence(this.#cluster.broker(brokerId))
  }

  /** As after producer.id.expiration.ms: any producer may go on with any sequence. */
  forgetProducers(): void {
    this.#cluster.forgetProducers()
  }

  /** Ends delays, errors, dropped answers, cuts and throttling. Leaders, stalls and slow partitions stay. */
  liftFaults(): void {
    this.#cluster.faults.lift()
  }

  /** Resets every connection and frees the ports. */
  async close(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()))
  }

  #partition(topic: string, index: number): Partition {
    const partition = this.#cluster.partition(topic, index)
    if (!partition) throw new RangeError(`there is no ${topic}-${index}`)
    return partition
  }
}
