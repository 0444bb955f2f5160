import { Broker } from '#sandbox/broker.ts'
import { Faults } from '#sandbox/faults.ts'
import type { Partition } from '#sandbox/partition.ts'
import { Retention } from '#sandbox/retention.ts'
import { Topic, type TopicSpec } from '#sandbox/topic.ts'

/** What all brokers know: topics, leaders, faults. One process, so all of them know it at once. */
export class Cluster {
  readonly clusterId: string
  readonly brokers: Broker[]
  readonly topics = new Map<string, Topic>()
  readonly faults = new Faults()
  readonly retention: Retention
  #nextProducerId = 0n

  constructor(clusterId: string, host: string, ports: number[], retainBytes: number) {
    this.clusterId = clusterId
    this.retention = new Retention(retainBytes)
    this.brokers = ports.map((port, i) => new Broker(this, i + 1, host, port))
  }

  /** Those that Metadata names: all but the ones that the cluster knows to be gone. */
  get live(): Broker[] {
    return this.brokers.filter(({ isFenced }) => !isFenced)
  }

  /** @throws if there is none with this id */
  broker(id: number): Broker {
    const broker = this.brokers[id - 1]
    if (!broker) throw new RangeError(`no broker ${id}: there are 1 to ${this.brokers.length}`)
    return broker
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.topics.get(topic)?.partitions[index]
  }

  topicById(id: string): Topic | undefined {
    for (const topic of this.topics.values()) if (topic.id === id) return topic
    return undefined
  }

  createTopic(spec: TopicSpec): Topic {
    const topic = new Topic(this, spec)
    this.topics.set(spec.topic, topic)
    return topic
  }

  deleteTopic(name: string): void {
    const topic = this.topics.get(name)
    this.topics.delete(name)
    for (const partition of topic?.partitions ?? []) partition.deleted()
  }

  newProducerId(): bigint {
    return this.#nextProducerId++
  }

  /** In-sync replicas: those on brokers that the cluster believes to be alive. */
  isr(partition: Partition): number[] {
    return partition.replicas.filter((id) => !this.broker(id).isFenced)
  }

  /** The cluster notices that a broker is gone: its partitions go to another replica, or to none. */
  fence(broker: Broker): void {
    broker.isFenced = true
    for (const partition of this.#partitions()) {
      if (partition.leader === broker.id) partition.moveTo(this.isr(partition)[0] ?? -1)
    }
  }

  brokerRestarted(broker: Broker): void {
    broker.isFenced = false
    for (const partition of this.#partitions()) {
      if (partition.leader === -1 && partition.replicas.includes(broker.id)) partition.moveTo(broker.id)
      partition.brokerRestarted(broker.id)
    }
  }

  forgetProducers(): void {
    for (const partition of this.#partitions()) partition.producers.clear()
  }

  *#partitions(): Generator<Partition> {
    for (const { partitions } of this.topics.values()) yield* partitions
  }
}
