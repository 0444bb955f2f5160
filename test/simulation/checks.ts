import { ACKS_ALL, type Batch } from '#batcher/batch.ts'
import type { Lane } from '#batcher/lane.ts'
import type { Partition } from '#batcher/partition.ts'
import type { Observer } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import type { ProduceResult } from '#protocol/produce-wire.ts'
import type { Item } from '#test/simulation/brokers.ts'
import type { Copy } from '#test/simulation/copies.ts'
import { contradicts, GuardBook } from '#test/simulation/guard-book.ts'
import { stuckIn } from '#test/simulation/liveness.ts'
import type { SimNode } from '#test/simulation/node.ts'
import type { NodeConnection } from '#test/simulation/node-connection.ts'
import type { World } from '#test/simulation/world.ts'

interface Leader {
  id: number
  /** How often it has changed, losses counted. */
  changes: number
}

interface Riding {
  copy: Copy
  lane: Lane
  changes: number
}

/** How late an answer may be: housekeeping runs every 20 ms. */
const SLACK_MS = 45
/** No 19 of ours before that: impatient clients would give up (DESIGN §4.11). */
const PATIENCE_MS = 1000
const REQUEST_TIMED_OUT = 7
const NOT_ENOUGH_REPLICAS = 19
const REFUSALS = new Set([3, 17, 29])
const BROKERS_WORD_ONLY = new Set([6, 45, 46, 47, 59, 90])
/** Answers after which nobody knows, unless they say -1 for the offset too. */
const MAYBE_STORED = new Set([7, 13, 20, 56])

/** Watches one engine at its ports and stops the run at the first thing that must not be. */
export class Checks implements Observer {
  readonly #node: SimNode
  readonly #world: World
  readonly #guards: GuardBook
  readonly #leaders = new Map<string, Leader>()
  /** By pair: its batches in submissions that are not answered. */
  readonly #riding = new Map<string, Riding[]>()
  /** Those that batches have been for. */
  readonly partitions = new Set<Partition>()
  readonly #busy = new Map<Lane, Submission>()
  /** Until then a submission whose answer was lost held all the bytes that may be in flight. */
  #noRoomUntil = 0
  /** What Metadata has said of topics that cannot be written to. */
  readonly #refusals = new Map<string, Set<number>>()
  /** Brokers that want to get nothing until then. */
  readonly #throttled = new Map<number, number>()
  /** By broker, when it was sent something last. */
  readonly #sentAt = new Map<number, number>()
  #lastSentAt = Number.NEGATIVE_INFINITY
  #unanswered = 0
  #accepted = 0
  #wakes = 0
  #wakesSince = 0
  submissions = 0
  batchesSent = 0
  /** Called for each batch that comes, and for each answer. */
  onAccepted: (copy: Copy) => void = () => {}
  onResult: (copy: Copy) => void = () => {}
  /** Called for each submission. */
  onSubmission: (lane: Lane, submission: Submission) => void = () => {}
  draining = false

  constructor(node: SimNode) {
    this.#node = node
    this.#world = node.world
    this.#guards = new GuardBook(node.world)
  }

  get unanswered(): number {
    return this.#unanswered
  }

  // ── what the engine reports ─────────────────────────────────────────────────────────────────────────

  accepted(): void {}
  submitted(): void {}
  answered(): void {}
  retried(batch: Batch, errorCode: number): void {
    if (this.#world.story) {
      this.#world.tell(`${this.#node.name} will try ${batch.waiter} again after ${errorCode}`)
    }
  }

  // ── batches in and answers out ──────────────────────────────────────────────────────────────────────

  onAccept(connection: NodeConnection, copy: Copy): void {
    this.#unanswered++
    this.onAccepted(copy)
    this.partitions.add(copy.batch!.partition)
    copy.place = ++this.#accepted
    if (this.#world.story) {
      const due = copy.batch!.deadline.toFixed(0)
      this.#world.tell(`${this.#node.name} takes ${copy}, to be answered by ${due}`)
    }
    copy.guarded = this.#guards.onAccept(connection, copy)
  }

  afterAccept(connection: NodeConnection, copy: Copy): void {
    const held = copy.answeredAt >= 0 && copy.errorCode === NOT_ENOUGH_REPLICAS && copy.sends === 0
    if (copy.guarded === 'held' && !held) {
      this.#world.fail('hole', `${copy} was not held though one before it failed`)
    }
    if (copy.guarded === 'passes' && held && !connection.closed) {
      this.#world.fail('guard', `${copy} was held though its client has shown that it knows of the failure`)
    }
    this.settled()
  }

  onAnswered(connection: NodeConnection, copy: Copy): void {
    const world = this.#world
    this.#unanswered--
    this.onResult(copy)
    const held = this.#guards.onAnswered(connection, copy)
    if (world.story) {
      const how = held ? ', held' : connection.closed ? ', nobody listens' : ''
      world.tell(`${this.#node.name} answers ${copy}: ${copy.errorCode || `offset ${copy.baseOffset}`}${how}`)
    }
    const due = Math.max(copy.batch!.deadline, this.#node.process.thawedAt) + SLACK_MS
    if (world.now > due) world.fail('f', `${copy} is answered ${(world.now - due).toFixed(1)} ms too late`)
    this.#checkCode(connection, copy, held)
  }

  #checkCode(connection: NodeConnection, copy: Copy, held: boolean): void {
    const world = this.#world
    const { errorCode } = copy
    if (errorCode === 0) {
      const known = copy.heard.has(0) && copy.heardOffsets.has(copy.baseOffset)
      if (!known) world.fail('a', `${copy} is acknowledged at ${copy.baseOffset}; no broker has said so`)
      return
    }
    const given = copy.heard.has(errorCode) || copy.refusal === errorCode
    if (!given && !this.#mayInvent(copy))
      world.fail('codes', `${copy} is answered ${errorCode}, our invention`)
    if (BROKERS_WORD_ONLY.has(errorCode) && !given)
      world.fail('codes', `${errorCode} was invented for ${copy}`)
    const lie = contradicts(copy)
    if (lie) world.fail('e', `${copy} is answered ${errorCode}, but ${lie}`)
    const age = world.now - copy.acceptedAt
    const early = errorCode === NOT_ENOUGH_REPLICAS && age < PATIENCE_MS && !held && !this.draining
    if (early && !connection.closed) world.fail('19 too early', `${copy} after ${age.toFixed(0)} ms`)
    const since = Math.max(world.healedAt, this.#noRoomUntil)
    const healthy = copy.acceptedAt > since && !held && !connection.closed && !connection.link.isCut
    if (healthy && !this.draining && (errorCode === NOT_ENOUGH_REPLICAS || errorCode === REQUEST_TIMED_OUT)) {
      world.fail('starved', `${copy} is answered ${errorCode} though nothing is wrong any more`)
    }
    const inTime = errorCode === NOT_ENOUGH_REPLICAS && world.now < copy.batch!.deadline && !held
    if (inTime && !given && !connection.closed && !this.draining && !this.#node.control.isDown) {
      world.fail('19 before its time', `${copy}: its deadline has not come and the cluster is up`)
    }
    if (early && copy.acks === 0 && copy.sends === 0) {
      world.fail('acks=0', `${copy} was dropped when its client left`)
    }
    this.#checkFatal(connection, copy)
  }

  #mayInvent({ errorCode, sends, out }: Copy): boolean {
    if (errorCode === NOT_ENOUGH_REPLICAS) return true
    if (errorCode === REQUEST_TIMED_OUT) return sends > 0
    return this.#refusals.get(out.pair.log.topic)?.has(errorCode) ?? false
  }

  /** 45 and 47 on a living connection are somebody's fault, and not always the client's. */
  #checkFatal(connection: NodeConnection, copy: Copy): void {
    const { errorCode, out } = copy
    if (!BROKERS_WORD_ONLY.has(errorCode) || errorCode === 6) return
    const living = !connection.closed && !connection.link.isCut
    const excused = out.pair.hasDropped || this.#node.cluster.hasLostMemory
    if (living && !excused) this.#world.fail('45', `${copy} is answered ${errorCode} for no reason`)
  }

  onDetached(connection: NodeConnection): void {
    this.#guards.onClosed(connection)
    this.settled()
  }

  settled(): void {
    this.#guards.settled()
  }

  // ── submissions ─────────────────────────────────────────────────────────────────────────────────────

  onSettings(): void {
    this.#lastSentAt = Number.NEGATIVE_INFINITY
  }

  onOpen(lane: Lane): void {
    const { lanes } = this.#node.engine.settings
    const open = lane.broker.lanes.length
    if (open > lanes) this.#world.fail('lanes', `${open} lanes to broker ${lane.broker.id}, granted ${lanes}`)
    this.#world.tell(`${this.#node.name} opens lane ${lane.id} to broker ${lane.broker.id}`)
  }

  onSend(lane: Lane, submission: Submission): void {
    const world = this.#world
    this.submissions++
    this.batchesSent += submission.batches.length
    this.onSubmission(lane, submission)
    if (world.story) {
      const what = submission.batches.map(({ waiter }) => String(waiter)).join(', ')
      world.tell(`${this.#node.name} → broker ${lane.broker.id} on lane ${lane.id}: ${what}`)
    }
    if (this.#busy.has(lane)) world.fail('lane', `lane ${lane.id} carries two submissions`)
    if (!this.#node.lanes.upstreams.has(lane)) world.fail('lane', `lane ${lane.id} is not open`)
    this.#busy.set(lane, submission)
    this.#checkSize(submission)
    this.#checkTime(lane, submission)
    const partitions = new Set<string>()
    for (const batch of submission.batches) {
      const copy = batch.waiter as Copy
      const { name } = copy.out.pair.log
      if (partitions.has(name)) world.fail('one per partition', `two batches for ${name} in a submission`)
      partitions.add(name)
      if ((copy.acks === -1) !== (submission.acksClass === ACKS_ALL))
        world.fail('acks classes', `${copy} in the wrong one`)
      this.#checkRide(copy, lane)
    }
  }

  #checkSize({ batches, bytes }: Submission): void {
    const { window, inFlightBytes } = this.#node.engine.settings
    let sum = 0
    for (const batch of batches) sum += batch.bytes.length
    const all = this.#underWay()
    if (sum !== bytes) this.#world.fail('size', `a submission of ${sum} bytes says ${bytes}`)
    const tooLarge = batches.length > window.maxPartitions || (batches.length > 1 && sum > window.maxBytes)
    if (tooLarge) this.#world.fail('size', `a submission has ${batches.length} batches, ${sum} bytes`)
    // The first batch always fits, as long as there is any room.
    const full = all - sum >= inFlightBytes || (batches.length > 1 && all > inFlightBytes)
    if (this.#busy.size > 1 && full) this.#world.fail('size', `${all} bytes are in flight`)
  }

  #underWay(): number {
    let bytes = 0
    for (const busy of this.#busy.values()) bytes += busy.bytes
    return bytes
  }

  #checkTime(lane: Lane, { batches, timeoutMs }: Submission): void {
    const { now } = this.#world
    const left = Math.max(1, Math.ceil(Math.max(...batches.map(({ deadline }) => deadline)) - now))
    if (timeoutMs !== left) this.#world.fail('timeout', `upstream has ${timeoutMs} ms, the batches ${left}`)
    if (now < (this.#throttled.get(lane.broker.id) ?? 0)) {
      this.#world.fail('throttle', `broker ${lane.broker.id} has asked for a pause`)
    }
    const { submissionsPerSecond } = this.#node.engine.settings
    const early = submissionsPerSecond > 0 && now - this.#lastSentAt < 1000 / submissionsPerSecond - 1e-6
    if (early)
      this.#world.fail('rate', `a submission ${(now - this.#lastSentAt).toFixed(2)} ms after the last`)
    this.#lastSentAt = now
    this.#sentAt.set(lane.broker.id, now)
  }

  #checkRide(copy: Copy, lane: Lane): void {
    const world = this.#world
    const { log } = copy.out.pair
    const batch = copy.batch!
    copy.sends++
    if (copy.answeredAt >= 0) world.fail('sent after its answer', `${copy}`)
    if (batch.bytes !== copy.bytes) world.fail('bytes', `${copy} has other bytes`)
    const leader = this.#leaders.get(log.name)
    if (!leader || leader.id !== lane.broker.id) {
      return world.fail(
        'leader',
        `${copy} goes to ${lane.broker.id}; the leader is ${leader?.id ?? 'unknown'}`,
      )
    }
    if (world.now > Math.max(batch.deadline, this.#node.process.thawedAt) + SLACK_MS) {
      world.fail('stale', `${copy} is sent after its deadline`)
    }
    const key = pairKey(copy, batch)
    const riding = this.#riding.get(key)
    if (!riding) this.#riding.set(key, [{ copy, lane, changes: leader.changes }])
    else {
      for (const other of riding) {
        if (other.changes === leader.changes || !copy.idempotent)
          world.fail('one in flight', `${copy} is sent while ${other.copy} is under way`)
      }
      riding.push({ copy, lane, changes: leader.changes })
    }
  }

  onAnswer(
    lane: Lane,
    items: readonly Item[],
    results: readonly (ProduceResult | null)[],
    throttleMs: number,
  ): void {
    this.#ended(lane)
    if (throttleMs > 0) this.#throttled.set(lane.broker.id, this.#world.now + throttleMs)
    items.forEach(({ copy }, i) => {
      const result = results[i]
      this.#alight(copy, lane)
      if (!result) {
        copy.unknown = true
        return
      }
      const { errorCode, baseOffset } = result
      copy.heard.add(errorCode)
      if (errorCode === 0) copy.heardOffsets.add(baseOffset)
      else if (MAYBE_STORED.has(errorCode) || baseOffset >= 0) copy.unknown = true
    })
  }

  onLaneClosed(lane: Lane, items: readonly Item[], written: boolean): void {
    this.#ended(lane)
    for (const { copy } of items) {
      this.#alight(copy, lane)
      if (written) copy.unknown = true
    }
  }

  #ended(lane: Lane): void {
    const { inFlightBytes } = this.#node.engine.settings
    const late = this.#busy.get(lane)?.overdue && this.#underWay() >= inFlightBytes
    if (late) this.#noRoomUntil = this.#world.now
    this.#busy.delete(lane)
  }

  #alight(copy: Copy, lane: Lane): void {
    const key = pairKey(copy, copy.batch!)
    const left = (this.#riding.get(key) ?? []).filter((ride) => ride.copy !== copy || ride.lane !== lane)
    if (left.length > 0) this.#riding.set(key, left)
    else this.#riding.delete(key)
  }

  onLeaders(topic: string, errorCode: number, leaders: readonly number[]): void {
    const refused = REFUSALS.has(errorCode)
    const said = this.#refusals.get(topic) ?? new Set()
    if (refused) this.#refusals.set(topic, said.add(errorCode))
    for (const log of this.#node.cluster.logs) {
      if (log.topic !== topic) continue
      const known = this.#leaders.get(log.name)
      const id = errorCode === 0 ? leaders[log.index]! : -1
      if (!known) this.#leaders.set(log.name, { id, changes: 0 })
      else if ((id >= 0 && known.id !== id) || refused) {
        known.changes++
        if (id >= 0) known.id = id
      }
    }
  }

  // ── rest ────────────────────────────────────────────────────────────────────────────────────────────

  onWake(): void {
    const { now } = this.#world
    this.settled()
    if (now - this.#wakesSince > 100) {
      this.#wakesSince = now
      this.#wakes = 0
      this.#checkQueues()
    }
    if (++this.#wakes > 2000) this.#world.fail('spin', `${this.#wakes} wake-ups within 100 ms`)
  }

  #checkQueues(): void {
    for (const { topic, index, ready, pairs } of this.partitions) {
      const longest = Math.max(ready[0].length, ready[1].length)
      if (longest > 64 + 8 * pairs.length) {
        this.#world.fail('unbounded', `${longest} entries for ${pairs.length} pairs on ${topic}/${index}`)
      }
    }
    const stuck = stuckIn(this.#node, this.partitions, this.#sentAt)
    if (stuck) this.#world.fail('stuck', stuck)
  }
}

function pairKey(copy: Copy, batch: Batch): string {
  const producer = copy.idempotent ? `${batch.idHigh}:${batch.idLow}` : String(connectionNumber(batch.client))
  return `${producer} ${copy.out.pair.log.name}`
}

const numbers = new WeakMap<object, number>()
let lastNumber = 0
function connectionNumber(client: object): number {
  let number = numbers.get(client)
  if (number === undefined) numbers.set(client, (number = ++lastNumber))
  return number
}
