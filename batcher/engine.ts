import type { Batch } from '#batcher/batch.ts'
import { Broker } from '#batcher/broker.ts'
import { Client } from '#batcher/client.ts'
import { Deadlines } from '#batcher/deadlines.ts'
import type { Lane } from '#batcher/lane.ts'
import { Lanes } from '#batcher/lanes.ts'
import { Limits } from '#batcher/limits.ts'
import { openUntil } from '#batcher/linger.ts'
import type { Partition } from '#batcher/partition.ts'
import { Partitions } from '#batcher/partitions.ts'
import type { Clock, EnginePorts, EngineSettings, Observer, Submit } from '#batcher/ports.ts'
import { Queues } from '#batcher/queues.ts'
import { Codes, expiryCode, finalCode, isRefusal, judge, mayRetry, type Verdict } from '#batcher/retry.ts'
import { Submission } from '#batcher/submission.ts'
import type { Window, WindowLimits } from '#batcher/window.ts'
import type { ProduceResult } from '#protocol/produce-wire.ts'

/**
 * The batching engine of one cluster: pure and synchronous. Batches come in by `accept`, go out through
 * `Submit.send`, and each is answered exactly once through its waiter.
 */
export class Engine {
  #settings: EngineSettings
  /** Nobody in the cluster can be reached: batches are held a while, then answered 19. */
  breakerOpen = false
  /** Bytes of submissions under way. */
  inFlightBytes = 0
  readonly lanes: Lanes
  readonly brokers = new Map<number, Broker>()
  /** The same; at a flush each is served in its turn. */
  readonly #inTurn: Broker[] = []
  readonly #clock: Clock
  readonly #submit: Submit
  readonly #observer: Observer
  readonly #queues: Queues
  readonly #deadlines = new Deadlines()
  readonly #partitions = new Partitions()
  /** When the next submission may leave, by `submissionsPerSecond`. */
  #nextSubmissionAt = 0
  #wakeAt = Number.POSITIVE_INFINITY
  #slowSweepAt = 0
  /** Which broker is served first at the next flush: budgets of the cluster are shared in turn. */
  #turn = 0

  constructor(settings: EngineSettings, ports: EnginePorts) {
    this.#settings = settings
    this.#clock = ports.clock
    this.#submit = ports.submit
    this.#observer = ports.observer
    this.#queues = new Queues(ports, this.#deadlines, (partition) =>
      this.#partitions.unused(partition, ports.clock.now()),
    )
    this.lanes = new Lanes(ports.submit, settings.lanes)
  }

  get settings(): EngineSettings {
    return this.#settings
  }

  set settings(settings: EngineSettings) {
    this.#settings = settings
    this.lanes.granted = settings.lanes
    for (const broker of this.brokers.values()) {
      this.lanes.shrink(broker)
      for (const window of broker.windows) window.hold(0, 0, 0)
    }
    this.flush()
  }

  /** Batches accepted and not answered. */
  get waiting(): number {
    return this.#deadlines.length
  }

  attach(): Client {
    return new Client()
  }

  partition(topic: string, index: number): Partition {
    return this.#partitions.get(topic, index)
  }

  /** Takes a batch; its waiter is called exactly once, possibly before this returns. */
  accept(batch: Batch): void {
    const now = this.#clock.now()
    this.#queues.accept(batch, now)
    this.#sweepSoon(now)
  }

  detach(client: Client): void {
    this.#queues.detach(client)
  }

  /**
   * Who leads a topic's partitions now.
   *
   * @param errorCode 0, or the topic's error; 3 is passed down to the batches that wait for a leader
   * @param leaders broker id per partition index, -1 where there is none
   */
  onLeaders(topic: string, errorCode: number, leaders: readonly number[]): void {
    for (const partition of this.#partitions.of(topic)) {
      const leader = leaders[partition.index]
      const code = errorCode === 0 && leader === undefined ? Codes.UNKNOWN_TOPIC_OR_PARTITION : errorCode
      if (isRefusal(code)) this.#refuse(partition, code)
      else if (leader !== undefined && leader >= 0) this.#lead(partition, leader)
      if (partition.hasLeaderless()) this.#submit.askLeaders(topic)
    }
  }

  #lead(partition: Partition, leaderId: number): void {
    let leader = this.brokers.get(leaderId)
    if (!leader) {
      this.brokers.set(leaderId, (leader = new Broker(leaderId)))
      this.#inTurn.push(leader)
    }
    const moved = partition.leader !== leader
    if (moved) {
      leader.lead(partition)
      partition.overdue.clear()
      this.#freeMoved(partition)
    }
    for (const pair of partition.pairs) {
      if (pair.state === 'leaderless' || (moved && (pair.state === 'backoff' || pair.state === 'ready'))) {
        this.#queues.makeReady(pair)
      }
    }
  }

  /** The old leader's word on an idempotent batch no longer matters: the new one finds the duplicate. */
  #freeMoved(partition: Partition): void {
    for (const pair of [...partition.pairs]) {
      if (pair.state !== 'inFlight') continue
      const batch = pair.queue.peek()!
      if (!batch.idempotent) continue
      this.#land(batch)
      batch.outcomeUnknown = true
      if (batch.answered) this.#queues.remove(pair, batch)
      else this.#queues.makeReady(pair)
    }
  }

  /** The cluster will not take it. A broker may be behind for a moment after a topic's creation. */
  #refuse(partition: Partition, code: number): void {
    const patience = this.#clock.now() - Limits.newTopicMs
    partition.leader?.forget(partition)
    for (const pair of [...partition.pairs]) {
      if (pair.state === 'inFlight' || pair.state === 'idle') continue
      pair.state = 'leaderless'
      for (let head = pair.queue.peek(); head && head.arrivedAt <= patience; head = pair.queue.peek()) {
        if (head.outcomeUnknown || pair.state !== 'leaderless') break
        this.#queues.fail(head, code)
      }
    }
    this.#queues.dropIdle(partition)
    if (partition.pairs.length === 0) this.#partitions.forget(partition)
  }

  onLaneOpen(lane: Lane): void {
    this.lanes.opened(lane, this.#clock.now())
    this.flush()
  }

  /**
   * The answer to a lane's submission.
   *
   * @param results in the order of `submission.batches`; null where the broker gave none
   * @param throttleMs how long the broker wants to get nothing (KIP-219); passed on to clients by their bytes
   */
  onAnswer(lane: Lane, results: readonly (ProduceResult | null)[], throttleMs = 0): void {
    const submission = lane.submission!
    const now = this.#clock.now()
    if (throttleMs > 0) lane.broker.throttledUntil = now + throttleMs
    this.#landed(submission)
    this.lanes.answered(lane, now)
    submission.batches.forEach((batch, i) => {
      if (batch.submission !== submission) return
      batch.throttleMs = Math.round((throttleMs * batch.size) / submission.bytes)
      this.#onResult(batch, results[i] ?? null, now)
    })
    this.flush(lane)
  }

  /** The submission is over: what it kept out of the windows may enter again. */
  #landed(submission: Submission): void {
    this.inFlightBytes -= submission.bytes
    if (!submission.overdue) return
    for (const { partition } of submission.batches) {
      if (partition.overdue.delete(submission)) partition.leader?.listReady(partition, this.#clock.now())
    }
  }

  /**
   * A slow partition hurts few: a further lane opens, and the cluster is asked who leads now. Which of many
   * partitions is the slow one nobody knows, so each rides alone until it is in time; one that was alone
   * enters no window until it is answered.
   */
  #onOverdue(lane: Lane): void {
    const submission = lane.submission!
    submission.overdue = true
    for (const { partition, topic } of submission.batches) {
      if (partition.leader !== lane.broker) continue
      this.#submit.askLeaders(topic)
      partition.suspect = true
      if (submission.batches.length > 1) continue
      partition.overdue.add(submission)
      for (const window of lane.broker.windows) window.remove(partition)
    }
    this.lanes.add(lane.broker, this.#clock.now())
  }

  /** @param written whether bytes of its submission may have reached the broker */
  onLaneClosed(lane: Lane, written: boolean): void {
    const { submission } = lane
    const now = this.#clock.now()
    this.lanes.closed(lane)
    if (submission) {
      this.#landed(submission)
      for (const batch of submission.batches) {
        if (batch.submission !== submission) continue
        if (submission.overdue) batch.partition.suspect = true
        if (written) this.#onResult(batch, null, now)
        else this.#conclude(batch, 'again', Codes.NOT_ENOUGH_REPLICAS, null, now)
      }
    }
    this.#clock.flushSoon()
  }

  /** @param result null when nobody can know what became of the batch */
  #onResult(batch: Batch, result: ProduceResult | null, now: number): void {
    const code = result?.errorCode ?? Codes.REQUEST_TIMED_OUT
    const verdict = result ? judge(code, result.baseOffset) : 'unknown'
    if (result) this.#suspect(batch, code)
    this.#conclude(batch, verdict, code, result, now)
  }

  /** A partition that was late, alone or in company, rides alone until it is in time. */
  #suspect({ partition, submission }: Batch, code: number): void {
    if (code === Codes.REQUEST_TIMED_OUT || code === Codes.NOT_ENOUGH_REPLICAS_AFTER_APPEND) {
      partition.suspect = true
    } else if (code === 0 && !submission!.overdue) partition.suspect = false
  }

  #conclude(batch: Batch, verdict: Verdict, code: number, result: ProduceResult | null, now: number): void {
    this.#land(batch)
    if (verdict === 'unknown') batch.outcomeUnknown = true
    if (verdict === 'leader' || verdict === 'unknown') this.#submit.askLeaders(batch.topic)
    const inTime = !batch.answered && now < batch.deadline
    if (inTime && mayRetry(verdict, batch)) {
      this.#observer.retried(batch, code)
      this.#queues.backOff(batch.pair!)
      this.#sweepSoon()
    } else {
      const told = finalCode(verdict, code, batch)
      if (result && told === result.errorCode && !batch.answered) batch.take(result)
      this.#queues.settle(batch.pair!, told, now)
    }
  }

  /** The batch rides in no submission any more. */
  #land(batch: Batch): void {
    batch.submission = null
    if (batch.answered) batch.letGo()
  }

  onWake(): void {
    const now = this.#clock.now()
    this.#wakeAt = Number.POSITIVE_INFINITY
    for (const batch of this.#deadlines.due(now))
      if (!batch.answered) this.#queues.fail(batch, expiryCode(batch))
    this.#sweepSlowly(now)
    this.#queues.wake(now)
    for (const lane of this.lanes.sweep(this.brokers.values(), now)) this.#onOverdue(lane)
    this.flush()
    if (this.waiting > 0 || this.lanes.count > 0) this.#sweepSoon()
  }

  /** What need not be looked at each time. */
  #sweepSlowly(now: number): void {
    if (now < this.#slowSweepAt) return
    this.#slowSweepAt = now + Limits.slowSweepMs
    if (this.breakerOpen) this.#failHeld(now)
    this.#partitions.sweep(now)
  }

  #sweepSoon(now = this.#clock.now()): void {
    const busy = this.waiting > 0 || this.inFlightBytes > 0
    this.#wakeBy(now + (busy ? Limits.sweepMs : Limits.laneIdleMs / 4))
  }

  #wakeBy(time: number): void {
    if (time >= this.#wakeAt) return
    this.#wakeAt = time
    this.#clock.wakeAt(time)
  }

  /** Nobody can be reached, so what was never sent need not wait for its deadline. */
  #failHeld(now: number): void {
    for (const batch of this.#deadlines.all()) {
      const heldUntil = Math.max(batch.arrivedAt + Limits.breakerHoldMs, batch.wholeAt + Limits.minAckWaitMs)
      const held = batch.submission === null && !batch.outcomeUnknown && heldUntil <= now
      if (held && !batch.answered) this.#queues.fail(batch, Codes.NOT_ENOUGH_REPLICAS)
    }
  }

  /** The end of a drain: what rides in no submission is answered now; the rest waits for its lanes. */
  refuseUnsent(): void {
    for (const batch of this.#deadlines.all()) {
      if (batch.submission === null && !batch.answered) this.#queues.fail(batch, expiryCode(batch))
    }
  }

  /**
   * Sends what can be sent now, one submission per broker in turn. Called at the end of a turn that brought
   * batches, and after each answer.
   *
   * @param freed the lane that was answered just now, if that is why
   */
  flush(freed: Lane | null = null): void {
    const brokers = this.#inTurn
    for (let passed = 0, at = this.#turn; passed < brokers.length; at++) {
      const broker = brokers[at % brokers.length]!
      if (broker.partitionsReady > 0 && this.#sendOne(broker, freed)) {
        passed = 0
        this.#turn = (at + 1) % brokers.length
      } else passed++
    }
  }

  #sendOne(broker: Broker, freed: Lane | null): boolean {
    const now = this.#clock.now()
    const window = this.#dueWindow(broker, now)
    if (!window) return false
    const { maxBytes, maxPartitions } = this.settings.window
    const room = this.settings.inFlightBytes - this.inFlightBytes
    if (room <= 0 && this.inFlightBytes > 0) return false
    const lane = this.lanes.take(broker, now)
    if (!lane) return false
    const limits = { maxBytes: Math.min(maxBytes, room), maxPartitions }
    const submission = this.#close(window, lane, limits) ?? this.#close(broker.other(window), lane, limits)
    if (!submission) {
      this.lanes.giveBack(lane)
      return false
    }
    this.#adaptLanes(broker, lane === freed && room >= maxBytes, now)
    this.#send(lane, submission)
    return true
  }

  /** Of the windows whose time has come, the one that has waited longest: none waits for what it cannot carry. */
  #dueWindow(broker: Broker, now: number): Window | null {
    for (const window of broker.windowsInTurn()) {
      if (window.length === 0) continue
      const closesAt = this.#mayCloseAt(window, broker, now)
      if (closesAt <= now) return window
      this.#wakeBy(closesAt)
    }
    return null
  }

  /** @returns null when nothing in the window may ride on this lane now */
  #close(window: Window, lane: Lane, limits: WindowLimits): Submission | null {
    const now = this.#clock.now()
    const { batches, bytes } = window.close(limits, now, this.lanes.sparesOne(lane))
    return batches.length === 0 ? null : new Submission(window.acksClass, batches, bytes, now)
  }

  /** Not before its linger is over, the broker's pause has passed and the next submission is due. */
  #mayCloseAt(window: Window, broker: Broker, now: number): number {
    const due = Math.max(broker.throttledUntil, this.#nextSubmissionAt)
    if (due > now) return due
    return openUntil(window, broker, this.settings.window, now)
  }

  /** @param atOnce the lane was busy until now, so the window did not wait for anything else */
  #adaptLanes(broker: Broker, atOnce: boolean, now: number): void {
    const allBusy = broker.free.length === 0 && broker.lanes.every(({ state }) => state !== 'opening')
    const step = broker.lanePolicy.onClosed(atOnce && allBusy && broker.partitionsReady > 0)
    if (step === 'add') this.lanes.add(broker, now)
    else if (step === 'remove') this.lanes.removeOne(broker)
  }

  #send(lane: Lane, submission: Submission): void {
    for (const batch of submission.batches) {
      batch.submission = submission
      batch.attempts++
      batch.submittedAt = submission.sentAt
      batch.pair!.state = 'inFlight'
    }
    this.inFlightBytes += submission.bytes
    const { submissionsPerSecond } = this.settings
    if (submissionsPerSecond > 0) this.#nextSubmissionAt = submission.sentAt + 1000 / submissionsPerSecond
    lane.submission = submission
    lane.state = 'busy'
    this.#observer.submitted(submission)
    this.#submit.send(lane, submission)
  }
}
