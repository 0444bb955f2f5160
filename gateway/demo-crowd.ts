import { setTimeout as pause } from 'node:timers/promises'
import { DEMO } from '#gateway/demo-plan.ts'
import { type SyntheticAck, SyntheticProducer } from '#sandbox/synthetic-producer.ts'

/** Connections made at once while the crowd comes in. */
const STARTING = 50
/** Ack times kept per cluster for the percentiles, the newest. */
const KEPT = 5000

/** The demo's producers, and what they were told. */
export class Crowd {
  readonly producers: SyntheticProducer[] = []
  /** Everything acknowledged, by cluster. */
  readonly acks = new Map<string, SyntheticAck[]>()
  readonly #times = new Map<string, number[]>()

  constructor(bootstrap: { host: string; port: number }, count: number) {
    for (const cluster of DEMO.clusters) {
      this.acks.set(cluster, [])
      this.#times.set(cluster, [])
    }
    for (let i = 0; i < count; i++) {
      const cluster = DEMO.clusters[i % DEMO.clusters.length]!
      const index = Math.floor(i / DEMO.clusters.length) % DEMO.topicsPerCluster
      this.producers.push(
        new SyntheticProducer({
          name: `demo-${cluster}-${i}`,
          bootstrap,
          topic: `${cluster}.topic-${index}`,
          perSecond: DEMO.batchesPerSecond[index]!,
          valueBytes: DEMO.valueBytes,
          onAck: (ack, ms) => this.#onAck(cluster, ack, ms),
        }),
      )
    }
  }

  #onAck(cluster: string, ack: SyntheticAck, ms: number): void {
    this.acks.get(cluster)!.push(ack)
    const times = this.#times.get(cluster)!
    times.push(ms)
    if (times.length > 2 * KEPT) times.splice(0, KEPT)
  }

  async start(): Promise<void> {
    for (let at = 0; at < this.producers.length; at += STARTING) {
      await Promise.all(this.producers.slice(at, at + STARTING).map((producer) => producer.start()))
    }
  }

  /** @param share of what they can do */
  setLoad(share: number): void {
    for (const producer of this.producers) producer.load = share
  }

  ofCluster(cluster: string): SyntheticProducer[] {
    return this.producers.filter(({ spec }) => spec.topic.startsWith(`${cluster}.`))
  }

  /** Ack times of the newest batches since the last call, in ms. */
  takeTimes(cluster: string): number[] {
    const times = this.#times.get(cluster)!
    this.#times.set(cluster, [])
    return times.sort((a, b) => a - b)
  }

  get unacked(): number {
    return this.producers.reduce((sum, { unacked }) => sum + unacked, 0)
  }

  /** Makes no further batches and waits for the acks of those made. */
  async settle(timeoutMs: number): Promise<void> {
    for (const producer of this.producers) producer.stop()
    for (const end = performance.now() + timeoutMs; this.unacked > 0 && performance.now() < end; )
      await pause(50)
  }

  close(): void {
    for (const producer of this.producers) producer.close()
  }
}
