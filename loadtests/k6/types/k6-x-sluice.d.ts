/** The module of build/sluice: producers that wait for their acks, and a check of what the clusters hold. */
declare module 'k6/x/sluice' {
  /** Times in ms. */
  export interface ProducerOptions {
    /** Another one for each producer of a run: sequences are told apart by it. */
    name: string
    /** `host:port`, with commas. */
    brokers: string
    /** Default: `name`. */
    clientId?: string
    /** Default 0. */
    linger?: number
    /** Default `none`. */
    compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
    /** A record that is not acknowledged by then is an error, unless it may be stored yet. Default 120,000, as Kafka's own. */
    deliveryTimeout?: number
    /** Default 10,000. */
    requestTimeout?: number
    /** Of requests that are no Produce. Default 20. */
    requestRetries?: number
  }

  export interface Outgoing {
    topic: string
    /** Default: the producer's name, so that its records of a topic are in one partition. */
    key?: string
    /** Size of the value, whose bytes are known from producer and sequence. */
    bytes: number
  }

  export interface Ack {
    topic: string
    /** −1 with an error. */
    partition: number
    offset: number
    sequence: number
    /** Kafka's name and code, or the client's words; empty when the record was acknowledged. */
    error: string
    /** From the call to the ack, in ms. */
    time: number
  }

  /** Idempotent, acks=all. It ends with `verify`. */
  export class Producer {
    constructor(options: ProducerOptions)
    /** Sends in this order. Returns when each record is acknowledged or has failed for good. */
    produceSync(records: Outgoing[]): Ack[]
    /** One record to each topic, in no metric but `sluice_errors`: connecting is not what an ack takes. */
    warmUp(topics: string[]): Ack[]
  }

  /**
   * For setup(): makes the topics that are missing and notes where the logs end. Brokers are those of the
   * cluster itself.
   *
   * @throws when a leader does not answer within 30 s
   */
  export function prepare(options: { brokers: string; topics: string[]; partitions: number }): void

  /** Counts of records, each a metric `sluice_*`, too. */
  export interface Verdict {
    sent: number
    acknowledged: number
    /** In the logs, duplicates included. */
    stored: number
    /** Acknowledged, and nowhere. */
    lost: number
    duplicated: number
    /** First appearances that stand behind a later record of the same producer and partition. */
    outOfOrder: number
    /** In another topic than it was sent to, or not where its ack said. */
    misplaced: number
    changed: number
    /** Of this run, and nobody sent it. */
    unknown: number
    /** The first 20 faults, in words. */
    faults: string[]
  }

  /**
   * For teardown(): ends all producers, reads the logs from where `prepare` saw their ends, past whatever stands
   * before the clusters, and compares them with what was sent and acknowledged.
   *
   * @throws when a log cannot be read to its end
   */
  export function verify(upstreams: { brokers: string; topics: string[] }[]): Verdict

  /** For all virtual users to see; k6 itself gives them nothing to share while they run. */
  export function raise(flag: string): void
  export function isRaised(flag: string): boolean
}
