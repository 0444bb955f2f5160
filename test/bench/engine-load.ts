import { type Acks, Batch } from '#batcher/batch.ts'
import type { Client } from '#batcher/client.ts'
import { Engine } from '#batcher/engine.ts'
import type { Lane } from '#batcher/lane.ts'
import type { Clock, EngineSettings, Observer, Submit, Waiter } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import { Random } from '#test/simulation/random.ts'
import { World } from '#test/simulation/world.ts'
import { plainBatch } from '#test/support/batches.ts'

/** What clients do: groups of producers that behave alike, all on one topic. */
export interface Load {
  partitions: number
  /** Acks and waits are measured of the last group. */
  groups: readonly Group[]
}

export interface Group {
  producers: number
  /** Of each producer: batches per second, come what may (Poisson), or so many at once, each after an answer. */
  pace: { perSecond: number } | { inFlight: number }
  /** Each batch goes to one of the first so many partitions, at random. Default: all. */
  partitions?: number
  /** Default -1. */
  acks?: Acks
}

/** How long a broker takes for a submission, in ms: on the way and for itself, and for each batch. */
export interface BrokerModel {
  roundTripMs: number
  perBatchMs: number
}

/** What came of it. Times in ms; rates per second of simulated time. */
export interface Measured {
  batchesPerSubmission: number
  submissions: number
  acks: number
  /** From arrival to submission. */
  waitP50: number
  waitP99: number
  /** Lanes open, over time. */
  lanes: number
  mostLanes: number
}

const WARM_UP_MS = 1000
const MEASURED_MS = 4000
/** From an answer to the next request of a closed-loop client: its network and its own work. */
const CLIENT_MS = 0.2
const CONNECT_MS = 1
const LANES_SEEN_EVERY_MS = 2
const BATCH = plainBatch('x'.repeat(149))
const TOPIC = 'load'

/** The engine alone under a load, in simulated time. The same seed gives the same numbers. */
export function measure(load: Load, settings: EngineSettings, broker: BrokerModel, seed: number): Measured {
  const run = new Run(load, settings, broker, new Random(seed))
  return run.measure()
}

class Run implements Submit, Observer, Clock {
  readonly #load: Load
  readonly #broker: BrokerModel
  readonly #random: Random
  readonly #world: World
  readonly #engine: Engine
  readonly #measured = new Set<Client>()
  readonly #waits: number[] = []
  readonly #lanesSeen: number[] = []
  #submissions = 0
  #batches = 0
  #acks = 0
  #timer = 0

  constructor(load: Load, settings: EngineSettings, broker: BrokerModel, random: Random) {
    this.#load = load
    this.#broker = broker
    this.#random = random
    this.#world = new World(random)
    this.#engine = new Engine(settings, { clock: this, submit: this, observer: this })
  }

  measure(): Measured {
    for (const group of this.#load.groups) {
      for (let i = 0; i < group.producers; i++) this.#startProducer(this.#engine.attach(), group)
    }
    this.#watchLanes()
    this.#world.runUntil(WARM_UP_MS + MEASURED_MS)
    const seconds = MEASURED_MS / 1000
    const waits = Float64Array.from(this.#waits).sort()
    return {
      batchesPerSubmission: this.#batches / this.#submissions,
      submissions: this.#submissions / seconds,
      acks: this.#acks / seconds,
      waitP50: waits[Math.floor(waits.length * 0.5)]!,
      waitP99: waits[Math.floor(waits.length * 0.99)]!,
      lanes: this.#lanesSeen.reduce((sum, lanes) => sum + lanes, 0) / this.#lanesSeen.length,
      mostLanes: Math.max(...this.#lanesSeen),
    }
  }

  get #measuring(): boolean {
    return this.#world.now >= WARM_UP_MS
  }

  #watchLanes(): void {
    if (this.#measuring) this.#lanesSeen.push(this.#engine.lanes.count)
    this.#world.after(LANES_SEEN_EVERY_MS, () => this.#watchLanes())
  }

  // ── clients ─────────────────────────────────────────────────────────────────────────────────────────

  #startProducer(client: Client, group: Group): void {
    const { pace } = group
    if (group === this.#load.groups.at(-1)) this.#measured.add(client)
    if ('perSecond' in pace) {
      const mean = 1000 / pace.perSecond
      const next = (): void => {
        this.#produce(client, group, NOBODY)
        this.#world.after(this.#random.gap(mean), next)
      }
      this.#world.after(this.#random.gap(mean), next)
    } else {
      const again: Waiter = {
        answered: () => this.#world.after(this.#about(CLIENT_MS), () => this.#produce(client, group, again)),
      }
      for (let i = 0; i < pace.inFlight; i++) {
        this.#world.after(this.#random.between(0, 5), () => this.#produce(client, group, again))
      }
    }
  }

  #produce(client: Client, group: Group, waiter: Waiter): void {
    const { now } = this.#world
    const index = this.#random.whole(0, (group.partitions ?? this.#load.partitions) - 1)
    const partition = this.#engine.partition(TOPIC, index)
    const timing = { arrivedAt: now, wholeAt: now, deadline: now + 20_000 }
    this.#engine.accept(new Batch(client, partition, group.acks ?? -1, BATCH, timing, waiter))
  }

  /** Give or take a fifth. */
  #about(ms: number): number {
    return ms * this.#random.between(0.8, 1.2)
  }

  // ── the broker ──────────────────────────────────────────────────────────────────────────────────────

  open(lane: Lane): void {
    this.#world.after(CONNECT_MS, () => this.#engine.onLaneOpen(lane))
  }

  send(lane: Lane, submission: Submission): void {
    const { roundTripMs, perBatchMs } = this.#broker
    const took = this.#about(roundTripMs) + submission.batches.length * perBatchMs
    this.#world.after(took, () => {
      if (lane.state !== 'busy') return
      this.#engine.onAnswer(
        lane,
        submission.batches.map(() => STORED),
      )
    })
  }

  close(lane: Lane): void {
    this.#engine.onLaneClosed(lane, false)
  }

  askLeaders(topic: string): void {
    const leaders = Array.from({ length: this.#load.partitions }, () => 1)
    this.#world.after(1, () => this.#engine.onLeaders(topic, 0, leaders))
  }

  // ── the books ───────────────────────────────────────────────────────────────────────────────────────

  accepted(): void {}

  submitted({ batches, sentAt }: Submission): void {
    if (!this.#measuring) return
    this.#submissions++
    this.#batches += batches.length
    for (const batch of batches) {
      if (this.#measured.has(batch.client)) this.#waits.push(sentAt - batch.arrivedAt)
    }
  }

  answered(batch: Batch): void {
    if (batch.errorCode !== 0) throw new Error(`a batch was answered ${batch.errorCode}`)
    if (this.#measuring && this.#measured.has(batch.client)) this.#acks++
  }

  retried(_batch: Batch, errorCode: number): void {
    throw new Error(`a batch was retried after ${errorCode}`)
  }

  // ── the clock ───────────────────────────────────────────────────────────────────────────────────────

  now(): number {
    return this.#world.now
  }

  wakeAt(time: number): void {
    const timer = ++this.#timer
    this.#world.at(time, () => {
      if (timer === this.#timer) this.#engine.onWake()
    })
  }

  lingers(): void {}

  flushSoon(): void {
    this.#world.after(0, () => this.#engine.flush())
  }

  random(): number {
    return this.#random.next()
  }
}

const NOBODY: Waiter = { answered() {} }

const STORED = {
  errorCode: 0,
  baseOffset: 0,
  logAppendTimeMs: -1,
  logStartOffset: 0,
  recordErrors: null,
  errorMessage: null,
}
