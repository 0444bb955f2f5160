import type { Broker } from '#batcher/broker.ts'
import { Lane } from '#batcher/lane.ts'
import { Limits } from '#batcher/limits.ts'
import type { Submit } from '#batcher/ports.ts'

/** All lanes of a cluster: opened on use and on need, closed when idle or unanswered. */
export class Lanes {
  /** Lanes to each broker, at most. */
  granted: number
  readonly #submit: Submit
  #nextId = 0
  count = 0
  /** How often one more was wanted than is granted. */
  denied = 0

  constructor(submit: Submit, granted: number) {
    this.#submit = submit
    this.granted = granted
  }

  /** A free lane to that broker, or null: then one is busy or being opened. */
  take(broker: Broker, now: number): Lane | null {
    const lane = broker.free.shift()
    if (lane) return lane
    if (broker.lanes.length === 0) this.#open(broker, now)
    return null
  }

  /**
   * May this lane be held up by a suspect partition? Not the last one, while another suspect is being tried.
   * One that is overdue has been found out: its partition enters no window, and the next may prove itself.
   */
  sparesOne({ broker }: Lane): boolean {
    const tried = ({ submission }: Lane) => submission?.suspect === true && !submission.overdue
    return broker.free.length > 0 || !broker.lanes.some(tried)
  }

  giveBack(lane: Lane): void {
    lane.broker.free.unshift(lane)
  }

  /** One lane more, as far as the grant allows. */
  add(broker: Broker, now: number): void {
    if (broker.lanes.length < this.granted) this.#open(broker, now)
    else this.denied++
  }

  /** One lane less, if one is free and it is not the last. */
  removeOne(broker: Broker): void {
    const lane = broker.free.peek()
    if (lane && broker.lanes.length > 1) this.#submit.close(lane)
  }

  /** A smaller grant: free lanes beyond it are closed now, busy ones once they are answered. */
  shrink(broker: Broker): void {
    const excess = broker.lanes.length - this.granted
    if (excess > 0) for (const lane of [...broker.free].slice(0, excess)) this.#submit.close(lane)
  }

  opened(lane: Lane, now: number): void {
    this.#free(lane, now)
  }

  answered(lane: Lane, now: number): void {
    const { broker, submission } = lane
    broker.roundTrips.add(now - submission!.sentAt)
    lane.submission = null
    if (broker.lanes.length > this.granted) this.#submit.close(lane)
    else if (lane.state === 'busy') this.#free(lane, now)
  }

  closed(lane: Lane): void {
    if (lane.state === 'closed') return
    lane.state = 'closed'
    lane.submission = null
    lane.broker.free.remove(lane)
    lane.broker.lanes.splice(lane.broker.lanes.indexOf(lane), 1)
    this.count--
  }

  /**
   * Closes lanes that are idle, and those whose submission will not be answered any more.
   *
   * @returns lanes whose submission has just become overdue
   */
  sweep(brokers: Iterable<Broker>, now: number): Lane[] {
    const overdue: Lane[] = []
    for (const broker of brokers) {
      for (const lane of [...broker.lanes]) {
        const { submission } = lane
        if (this.#isOver(lane, now)) this.#submit.close(lane)
        else if (submission && !submission.overdue && isLate(lane, now - submission.sentAt))
          overdue.push(lane)
      }
    }
    return overdue
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

/** @param ms since its submission was sent */
function isLate({ broker }: Lane, ms: number): boolean {
  return ms > Limits.overdueMinMs && ms > Limits.overdueTimes * broker.roundTrips.median()
}
