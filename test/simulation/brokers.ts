import type { ProduceResult } from '#protocol/produce-wire.ts'
import { findBatchFault } from '#protocol/record-batch.ts'
import type { Copy } from '#test/simulation/copies.ts'
import type { Entry, PartitionLog } from '#test/simulation/partition-log.ts'
import { Process } from '#test/simulation/process.ts'
import type { Troubles } from '#test/simulation/troubles.ts'
import type { World } from '#test/simulation/world.ts'

/** One batch of a Produce request, as it lies on the wire. */
export interface Item {
  readonly copy: Copy
  readonly bytes: Buffer
  readonly log: PartitionLog
}

export interface UpstreamRequest {
  readonly acks: -1 | 1
  readonly timeoutMs: number
  readonly items: readonly Item[]
}

export interface UpstreamAnswer {
  results: Map<Item, ProduceResult>
  throttleMs: number
}

const NOT_LEADER_OR_FOLLOWER = 6
const REQUEST_TIMED_OUT = 7
const NOT_ENOUGH_REPLICAS = 19

/** One broker process. It dies and comes back; what it had to say is lost with it. */
export class SimBroker extends Process {
  readonly id: number
  readonly troubles: Troubles
  alive = true
  /** Answers say so long that the client should send nothing. */
  throttledUntil = 0
  /** Its answers leave some partitions out. */
  incompleteUntil = 0
  /** It sends no answers, though it works. */
  muteUntil = 0
  /** What it believes about leaders, which spreads with a delay. */
  readonly view = new Map<PartitionLog, number>()
  /** It answers with an error for all topics until then: its own metadata is not there yet, or it is closed to us. */
  emptyUntil = 0
  emptyCode = 3
  readonly connections = new Set<BrokerConnection>()
  readonly minInSync: number

  constructor(id: number, world: World, troubles: Troubles, minInSync: number) {
    super(world)
    this.id = id
    this.troubles = troubles
    this.minInSync = minInSync
  }

  /** Appends, or says why not. */
  append({ log, bytes, copy }: Item, acks: -1 | 1): { result: ProduceResult; entry: Entry | null } {
    const before = this.#refusal(log, copy, acks)
    if (before !== 0) return { result: resultOf(before, -1), entry: null }
    const { errorCode, entry, duplicate } = log.append(bytes, copy)
    if (errorCode !== 0) return { result: resultOf(errorCode, -1), entry: null }
    copy.appended(entry!, duplicate)
    const after = this.troubles.errorAt(log, 'after')
    // KAFKA_STORAGE_ERROR names no offset though the batch may be in the log.
    if (after !== 0) return { result: resultOf(after, after === 56 ? -1 : entry!.offset), entry: null }
    return { result: resultOf(0, entry!.offset), entry }
  }

  #refusal(log: PartitionLog, copy: Copy, acks: -1 | 1): number {
    if (log.leader !== this.id || this.world.now < log.acceptsFrom) return NOT_LEADER_OR_FOLLOWER
    if (acks === -1 && log.inSync.size < Math.min(this.minInSync, log.replicas.length))
      return NOT_ENOUGH_REPLICAS
    return copy.out.poison || this.troubles.errorAt(log, 'before')
  }
}

/** One connection of a broker: it works on one request at a time (broker-facts.md §2.4). */
export class BrokerConnection {
  readonly broker: SimBroker
  /** The process at this end has died. */
  onDied: () => void = () => {}
  readonly #answer: (answer: UpstreamAnswer) => void
  readonly #queue: UpstreamRequest[] = []
  #busy = false
  closed = false

  constructor(broker: SimBroker, answer: (answer: UpstreamAnswer) => void) {
    this.broker = broker
    this.#answer = answer
    broker.connections.add(this)
  }

  receive(request: UpstreamRequest): void {
    this.#queue.push(request)
    if (!this.#busy) this.#next()
  }

  /** What was not begun is dropped; what is under way ends in the log, but nobody hears of it. */
  close(): void {
    this.closed = true
    this.#queue.length = 0
    this.broker.connections.delete(this)
  }

  #next(): void {
    const request = this.#queue.shift()
    if (!request) return
    this.#busy = true
    const { broker } = this
    const { world } = broker
    world.after(world.random.between(0.08, 0.3) + 0.013 * request.items.length, () =>
      broker.whenAwake(() => this.#work(request)),
    )
  }

  #work(request: UpstreamRequest): void {
    const { broker } = this
    if (!broker.alive) return
    for (const { bytes, copy } of request.items) {
      const fault = findBatchFault(bytes, 9)
      if (fault || !copy.bytes.equals(bytes)) {
        broker.world.fail('bytes', `${copy} came as other bytes: ${fault?.reason ?? 'another batch'}`)
      }
    }
    new PendingProduce(this.broker, request, (answer) => this.#finish(answer))
  }

  #finish(answer: UpstreamAnswer): void {
    const { broker } = this
    if (!broker.alive) return
    broker.whenAwake(() => {
      if (this.closed || !broker.alive) return
      if (broker.world.now >= broker.muteUntil) this.#answer(answer)
      this.#busy = false
      this.#next()
    })
  }
}

/** A Produce request from its append until its partitions are replicated, have other leaders, or time is up. */
class PendingProduce {
  readonly #broker: SimBroker
  readonly #done: (answer: UpstreamAnswer) => void
  readonly #results = new Map<Item, ProduceResult>()
  readonly #waiting = new Map<Item, { entry: Entry; generation: number }>()
  readonly #check = (): void => this.check()
  #over = false

  constructor(broker: SimBroker, request: UpstreamRequest, done: (answer: UpstreamAnswer) => void) {
    this.#broker = broker
    this.#done = done
    const { world } = broker
    for (const item of request.items) {
      const { result, entry } = broker.append(item, request.acks)
      if (world.story) {
        const what = result.errorCode === 0 ? `at offset ${result.baseOffset}` : `error ${result.errorCode}`
        world.tell(`broker ${broker.id}: ${item.copy} on ${item.log.name}: ${what}`)
      }
      if (entry && request.acks === -1 && !entry.replicated) {
        this.#waiting.set(item, { entry, generation: item.log.generation })
        item.log.watchers.add(this.#check)
      } else {
        this.#results.set(item, result)
      }
    }
    if (this.#waiting.size > 0) world.after(Math.max(0, request.timeoutMs), () => this.#timeOut())
    this.check()
  }

  check(): void {
    if (this.#over) return
    for (const [item, { entry, generation }] of this.#waiting) {
      if (item.log.generation !== generation)
        this.#decide(item, resultOf(NOT_LEADER_OR_FOLLOWER, entry.offset))
      else if (entry.replicated) this.#decide(item, resultOf(0, entry.offset))
    }
    if (this.#waiting.size === 0) this.#end()
  }

  #timeOut(): void {
    if (this.#over) return
    for (const [item, { entry }] of this.#waiting) {
      this.#decide(item, resultOf(REQUEST_TIMED_OUT, entry.offset))
    }
    this.#end()
  }

  #decide(item: Item, result: ProduceResult): void {
    this.#waiting.delete(item)
    this.#results.set(item, result)
    for (const { log } of this.#waiting.keys()) if (log === item.log) return
    item.log.watchers.delete(this.#check)
  }

  #end(): void {
    this.#over = true
    const broker = this.#broker
    const { now, random } = broker.world
    if (now < broker.incompleteUntil) {
      for (const item of [...this.#results.keys()]) if (random.chance(0.3)) this.#results.delete(item)
    }
    const throttleMs = Math.max(0, Math.ceil(broker.throttledUntil - now))
    this.#done({ results: this.#results, throttleMs })
  }
}

function resultOf(errorCode: number, baseOffset: number): ProduceResult {
  return {
    errorCode,
    baseOffset,
    logAppendTimeMs: -1,
    logStartOffset: baseOffset < 0 ? -1 : 0,
    recordErrors: null,
    errorMessage: null,
  }
}
