import { type SyntheticAck, SyntheticProducer } from '#sandbox/synthetic-producer.ts'
import { until } from '#test/support/redis.ts'

export interface CrowdOptions {
  /** The bootstrap port. */
  port: number
  topic: string
  producers: number
  /** Batches of each, on average. */
  perSecond: number
}

/** Many small idempotent producers, and what they were told. */
export class Crowd {
  readonly acks: SyntheticAck[] = []
  readonly #producers: SyntheticProducer[]

  /** Returns when all are connected. */
  static async start(options: CrowdOptions): Promise<Crowd> {
    const crowd = new Crowd(options)
    await Promise.all(crowd.#producers.map((producer) => producer.start()))
    return crowd
  }

  private constructor({ port, topic, producers, perSecond }: CrowdOptions) {
    this.#producers = Array.from({ length: producers }, (_, i) => {
      return new SyntheticProducer({
        name: `p${i}`,
        bootstrap: { host: '127.0.0.1', port },
        topic,
        perSecond,
        valueBytes: 100,
        onAck: (ack) => this.acks.push(ack),
      })
    })
  }

  /** Batches made and not acknowledged. */
  get unacked(): number {
    return this.#producers.reduce((sum, { unacked }) => sum + unacked, 0)
  }

  /** Returns when every batch is acknowledged. */
  async finish(timeoutMs = 120_000): Promise<void> {
    for (const producer of this.#producers) producer.stop()
    await until(
      timeoutMs,
      () => this.unacked === 0,
      () => `${this.unacked} batches are not acknowledged`,
    )
  }

  close(): void {
    for (const producer of this.#producers) producer.close()
  }
}
