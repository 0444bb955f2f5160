import type { Broker } from '#batcher/broker.ts'
import { Lane } from '#batcher/lane.ts'
import { Limits } from '#batcher/limits.ts'
import type { Submit } from '#batcher/ports.ts'

/** All lanes of a cluster: opened on use, closed when idle. */
export class Lanes {
  readonly #submit: Submit
  #nextId = 0
  count = 0

  constructor(submit: Submit) {
    this.#submit = submit
  }

  /** A free lane to that broker, or null: then one is busy or being opened. */
  take(broker: Broker, now: number): Lane | null {
    const lane = broker.free.shift()
    if (lane) return lane
    if (broker.lanes.length === 0) this.#open(broker, now)
    return null
  }

  giveBack(lane: Lane): void {
    lane.broker.free.unshift(lane)
  }

  opened(lane: Lane, now: number): void {
    this.#free(lane, now)
  }

  answered(lane: Lane, now: number): void {
    lane.submission = null
    if (lane.state === 'busy') this.#free(lane, now)
  }

  closed(lane: Lane): void {
    if (lane.state === 'closed') return
    lane.state = 'closed'
    lane.submission = null
    lane.broker.free.remove(lane)
    lane.broker.lanes.splice(lane.broker.lanes.indexOf(lane), 1)
    this.count--
  }

  /** Closes lanes that are idle, and those whose broker does not answer. */
  sweep(brokers: Iterable<Broker>, now: number): void {
    for (const broker of brokers) {
      for (const lane of [...broker.lanes]) if (this.#isOver(lane, now)) this.#submit.close(lane)
    }
  }

  #isOver(lane: Lane, now: number): boolean {
    const { submission } = lane
    if (submission) return now > submission.sentAt + submission.timeoutMs + Limits.laneGraceMs
    if (lane.state === 'opening' && lane.broker.partitionsReady > 0) return false
    return now - lane.freeSince > Limits.laneIdleMs
  }

  #open(broker: Broker, now: number): void {
    const lane = new Lane(this.#nextId++, broker, now)
    broker.lanes.push(lane)
    this.count++
    this.#submit.open(lane)
  }

  #free(lane: Lane, now: number): void {
    lane.state = 'free'
    lane.freeSince = now
    lane.broker.free.push(lane)
  }
}
