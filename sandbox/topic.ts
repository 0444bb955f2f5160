import { randomBytes } from 'node:crypto'
import type { Cluster } from '#sandbox/cluster.ts'
import { Partition } from '#sandbox/partition.ts'

export interface TopicSpec {
  topic: string
  partitions: number
  /** Default: three, or one per broker where there are fewer. */
  replicas?: number
  /** Kafka's names for topic settings: those of `TopicSettings` count, others are accepted and ignored. */
  config?: Record<string, string>
}

/** The topic settings that the sandbox obeys, with Kafka's defaults. */
export interface TopicSettings {
  minInsyncReplicas: number
  /** Bytes of one batch (max.message.bytes). */
  maxMessageBytes: number
  /** Every record needs a key (cleanup.policy=compact). */
  compacted: boolean
  /** The broker's clock goes over the producer's (message.timestamp.type=LogAppendTime). */
  logAppendTime: boolean
}

const INTERNAL = new Set(['__consumer_offsets', '__transaction_state'])
const LEGAL = /^[a-zA-Z0-9._-]{1,249}$/

export function isLegalTopicName(name: string): boolean {
  return LEGAL.test(name) && name !== '.' && name !== '..'
}

export class Topic {
  readonly cluster: Cluster
  readonly name: string
  /** 16 bytes in base64url, as Kafka prints it. */
  readonly id = randomBytes(16).toString('base64url')
  readonly replicationFactor: number
  readonly settings: TopicSettings
  readonly isInternal: boolean
  readonly partitions: Partition[] = []

  constructor(cluster: Cluster, spec: TopicSpec) {
    this.cluster = cluster
    this.name = spec.topic
    this.replicationFactor = spec.replicas ?? Math.min(3, cluster.live.length)
    this.settings = readSettings(spec.config ?? {})
    this.isInternal = INTERNAL.has(spec.topic)
    this.grow(spec.partitions)
  }

  /** @param count partitions in all. Leaders go round the brokers, replicas follow behind them. */
  grow(count: number): void {
    const brokers = this.cluster.live
    for (let index = this.partitions.length; index < count; index++) {
      const replicas = Array.from(
        { length: this.replicationFactor },
        (_, i) => brokers[(index + i) % brokers.length]!.id,
      )
      this.partitions.push(new Partition(this, index, replicas))
    }
  }
}

function readSettings(config: Record<string, string>): TopicSettings {
  return {
    minInsyncReplicas: Number(config['min.insync.replicas'] ?? 1),
    maxMessageBytes: Number(config['max.message.bytes'] ?? 1_048_588),
    compacted: (config['cleanup.policy'] ?? 'delete').split(',').includes('compact'),
    logAppendTime: config['message.timestamp.type'] === 'LogAppendTime',
  }
}
