import assert from 'node:assert/strict'
import { type Acks, Batch } from '#batcher/batch.ts'
import type { Client } from '#batcher/client.ts'
import { Engine } from '#batcher/engine.ts'
import type { Lane } from '#batcher/lane.ts'
import type { EngineSettings } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { ProduceResult } from '#protocol/produce-wire.ts'

export interface BatchSpec {
  /** `topic/partition`. */
  to: string
  acks?: Acks
  /** Producer id; without one the batch is not idempotent. */
  pid?: number
  epoch?: number
  seq?: number
  /** Bytes of the whole batch. */
  size?: number
  /** ms from now to its deadline. */
  wait?: number
  /** Code with which it was refused at ingress. */
  refusal?: number
}

/** The header of a batch is all that the engine reads. */
export function batchBytes({
  pid = -1,
  epoch = -1,
  seq = -1,
  size = 100,
}: Omit<BatchSpec, 'to'> = {}): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeBigInt64BE(BigInt(pid), 43)
  bytes.writeInt16BE(pid >= 0 ? Math.max(epoch, 0) : epoch, 51)
  bytes.writeInt32BE(seq, 53)
  bytes.writeInt32BE(1, 57)
  return bytes
}

export function result(errorCode = 0, baseOffset = errorCode === 0 ? 500 : -1): ProduceResult {
  return {
    errorCode,
    baseOffset,
    logAppendTimeMs: -1,
    logStartOffset: 0,
    recordErrors: null,
    errorMessage: errorCode === 0 ? null : `error ${errorCode}`,
  }
}

/** A submission on its lane, as a broker sees it. */
export interface Request {
  lane: Lane
  submission: Submission
  at: number
  broker: number
  /** `topic/partition` of its batches, in their order. */
  carries: string[]
}

const SETTINGS: EngineSettings = {
  window: { linger: 0, maxBytes: 1 << 20, maxPartitions: 256 },
  lanes: 4,
  inFlightBytes: 1 << 26,
  submissionsPerSecond: 0,
}

/** An engine with a clock that is set by hand and a cluster that does what the test says. */
export class World {
  now = 10_000
  readonly engine: Engine
  /** Requests that are not answered yet, oldest first. */
  readonly requests: Request[] = []
  /** Every request that was ever sent. */
  readonly sent: Request[] = []
  /** Batches in the order of their answers. */
  readonly answered: Batch[] = []
  readonly opening: Lane[] = []
  retried = 0
  /** How often the engine was asked to look what can leave at the end of a turn. */
  flushes = 0
  /** Brokers that accept no connection. */
  readonly dead = new Set<number>()
  #asked = new Set<string>()
  #wakeAt = Number.POSITIVE_INFINITY
  #flush = false

  constructor(settings: Partial<EngineSettings> = {}) {
    this.engine = new Engine(
      { ...SETTINGS, ...settings },
      {
        clock: {
          now: () => this.now,
          wakeAt: (time) => (this.#wakeAt = time),
          flushSoon: () => (this.#flush = true),
          lingers: () => {},
          random: () => 0,
        },
        submit: {
          open: (lane) => this.opening.push(lane),
          send: (lane, submission) => this.#send(lane, submission),
          close: (lane) => this.closes(lane),
          askLeaders: (topic) => this.#asked.add(topic),
        },
        observer: { accepted() {}, submitted() {}, answered() {}, retried: () => this.retried++ },
      },
    )
  }

  #send(lane: Lane, submission: Submission): void {
    const carries = submission.batches.map(({ topic, index }) => `${topic}/${index}`)
    const request = { lane, submission, at: this.now, broker: lane.broker.id, carries }
    this.requests.push(request)
    this.sent.push(request)
  }

  client(): Client {
    return this.engine.attach()
  }

  /** A batch arrives; what it causes happens at the end of the turn. */
  arrives(client: Client, spec: BatchSpec): Batch {
    const [topic, index] = spec.to.split('/')
    const partition = this.engine.partition(topic!, Number(index))
    const timing = { arrivedAt: this.now, wholeAt: this.now, deadline: this.now + (spec.wait ?? 20_000) }
    const batch = new Batch(client, partition, spec.acks ?? -1, batchBytes(spec), timing, {
      answered: (done) => this.answered.push(done),
    })
    batch.refusal = spec.refusal ?? 0
    this.engine.accept(batch)
    return batch
  }

  /** A batch arrives and the turn ends. */
  sends(client: Client, spec: BatchSpec): Batch {
    const batch = this.arrives(client, spec)
    this.turn()
    return batch
  }

  /** Who leads the partitions of a topic, from partition 0 on. */
  leaders(topic: string, brokers: number[], errorCode = 0): void {
    this.engine.onLeaders(topic, errorCode, brokers)
    this.turn()
  }

  /** Ends the turn of the event loop: lanes connect, and what may leave leaves. */
  turn(): void {
    do {
      if (this.#flush) {
        this.#flush = false
        this.flushes++
        this.engine.flush()
      }
      for (const lane of this.opening.splice(0)) {
        if (this.dead.has(lane.broker.id)) this.opening.push(lane)
        else if (lane.state === 'opening') this.engine.onLaneOpen(lane)
      }
    } while (this.#flush || this.opening.some(({ broker }) => !this.dead.has(broker.id)))
  }

  /** Time passes. */
  after(ms: number): void {
    const until = this.now + ms
    while (this.#wakeAt <= until) {
      this.now = Math.max(this.now, this.#wakeAt)
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.engine.onWake()
      this.turn()
    }
    this.now = until
    this.turn()
  }

  /** The broker answers the oldest request, or the given one; each batch the same, or one by one. */
  answers(
    outcome: ProduceResult | (ProduceResult | null)[] = result(),
    { request = this.requests[0]!, throttleMs = 0 } = {},
  ): void {
    this.#take(request)
    const { lane, submission } = request
    const results = Array.isArray(outcome) ? outcome : submission.batches.map(() => outcome)
    this.engine.onAnswer(lane, results, throttleMs)
    this.turn()
  }

  #take(request: Request): void {
    const at = this.requests.indexOf(request)
    if (at < 0) throw new Error('no such request is open')
    this.requests.splice(at, 1)
  }

  /** The connection breaks. */
  closes(lane: Lane, written = lane.submission !== null): void {
    const request = this.requests.find((open) => open.lane === lane)
    if (request) this.#take(request)
    this.engine.onLaneClosed(lane, written)
  }

  /** Topics whose leaders the engine has asked for since the last look. */
  asked(): string[] {
    const asked = [...this.#asked]
    this.#asked.clear()
    return asked
  }

  /** What is on its way to the brokers, as `broker: topic/partition ...`. */
  get underWay(): string[] {
    return this.requests.map(({ broker, carries }) => `${broker}: ${carries.join(' ')}`)
  }
}

/** `waiting`, or the code with which the batch was answered. */
export function fate(batch: Batch): number | 'waiting' {
  return batch.answered ? batch.errorCode : 'waiting'
}

/** A world in which broker 1 leads `t` with that many partitions, all written to before, and has a lane open. */
export function oneBroker(partitions = 1, settings: Partial<EngineSettings> = {}): World {
  const world = new World(settings)
  const opener = world.client()
  for (let index = 0; index < partitions; index++) world.arrives(opener, { to: `t/${index}` })
  world.leaders('t', new Array(partitions).fill(1))
  for (world.after(50); world.requests.length > 0; world.after(50)) world.answers()
  world.after(1000)
  world.answered.length = 0
  world.sent.length = 0
  world.asked()
  return world
}

/** These very batches in this order; told in words when not, since batches hang together with everything. */
export function assertBatches(
  actual: readonly Batch[],
  expected: readonly (Batch | undefined)[],
  why?: string,
): void {
  assert.deepEqual(actual.map(inWords), expected.map(inWords), why)
  const same = actual.every((batch, i) => batch === expected[i])
  assert.ok(same, why ?? 'they are batches of the same partition, but others or in another order')
}

function inWords(batch: Batch | undefined): string {
  return batch ? `${batch.topic}/${batch.index} deadline ${batch.deadline} size ${batch.size}` : 'none'
}
