import type { Acks } from '#batcher/batch.ts'
import { ClientPair, Copy, Out, type ProducerId } from '#test/simulation/copies.ts'
import { Link } from '#test/simulation/links.ts'
import type { SimNode } from '#test/simulation/node.ts'
import type { NodeConnection } from '#test/simulation/node-connection.ts'
import type { PartitionLog } from '#test/simulation/partition-log.ts'
import type { Style } from '#test/simulation/styles.ts'
import type { World } from '#test/simulation/world.ts'

export interface ClientPlan {
  style: Style
  /** Partitions it writes to, as positions in the cluster's list of logs. */
  partitions: number[]
  batches: number
  startsAt: number
  /** Mean time between batches; 0 = the next is made when one is answered. */
  gapMs: number
  /** With gapMs 0: batches open at once. */
  ahead: number
  size: readonly [number, number]
  /** TimeoutMs of its requests, after which it hangs up. */
  timeoutMs: number
  /** After so long it gives a batch up. */
  deliveryTimeoutMs: number
  firstSequence: number
  /** Batches grow while they wait: one is made only when the socket takes it, with all that has come. */
  grows?: boolean
  /** Share of batches that no broker takes. */
  poison: number
  /** The process dies then; Infinity = never. */
  diesAt: number
}

/** One Produce request on its way. */
export interface Frame {
  readonly acks: Acks
  readonly timeoutMs: number
  readonly copies: readonly Copy[]
  readonly bytes: number
  readonly sentAt: number
}

interface Session {
  readonly link: Link
  readonly node: NodeConnection
  /** Requests without an answer, oldest first. */
  readonly open: Frame[]
  /** Bytes that the node has not read yet. */
  unread: number
}

/** What a client may write before the node reads, as the socket buffers of both sides allow. */
const SOCKET_BYTES = 128 * 1024
/** Batches in the client's own memory, at most. */
const CLIENT_BATCHES = 300
const RETRIABLE = new Set([2, 3, 5, 6, 7, 9, 13, 19, 20, 56, 74])
const DUPLICATE_SEQUENCE = 46
const OUT_OF_ORDER_SEQUENCE = 45
const SWEEP_MS = 50
/** Between the numbers of the producers of one client. */
const PRODUCER_STEP = 1000

/** A producer: makes batches, sends them, sends again what failed, as its library would. */
export class SimClient {
  readonly id: number
  readonly plan: ClientPlan
  readonly pairs: ClientPair[]
  readonly frames: Frame[] = []
  /** Ended in an error from which its library does not recover. */
  fatal = 0
  over = false
  readonly #world: World
  readonly #nodes: readonly SimNode[]
  #session: Session | null = null
  #connecting = false
  #made = 0
  /** What has come since the last batch was made. */
  #gathered = 0
  #cursor = 0
  #pumpAt = Number.POSITIVE_INFINITY

  constructor(id: number, world: World, plan: ClientPlan, logs: readonly PartitionLog[], nodes: SimNode[]) {
    this.id = id
    this.plan = plan
    this.#world = world
    this.#nodes = nodes
    const { random } = world
    const { style, partitions, firstSequence } = plan
    const newId = (): ProducerId => ({
      high: 0x40000000 | random.whole(0, 0x3fffffff),
      low: random.whole(-(2 ** 31), 2 ** 31 - 1),
    })
    this.pairs = Array.from({ length: style.producers ?? 1 }, (_, i) => {
      const producerId = style.idempotent ? newId() : null
      const number = id + i * PRODUCER_STEP
      return partitions.map((at) => new ClientPair(number, logs[at]!, producerId, firstSequence))
    }).flat()
    world.at(plan.startsAt, () => this.#start())
    if (plan.diesAt < Number.POSITIVE_INFINITY) world.at(plan.diesAt, () => this.#die())
  }

  get undone(): number {
    let undone = 0
    for (const pair of this.pairs) undone += pair.pending.length
    return undone
  }

  get connection(): { link: Link; node: NodeConnection } | null {
    return this.#session
  }

  // ── making batches ──────────────────────────────────────────────────────────────────────────────────

  #start(): void {
    this.#connect()
    this.#sweep()
    if (this.plan.gapMs > 0) this.#makeLater()
    else this.#makeAhead()
  }

  #makeLater(): void {
    this.#world.after(this.#world.random.gap(this.plan.gapMs), () => {
      if (this.over || this.#made >= this.plan.batches) return
      this.#gathered++
      if (!this.plan.grows && this.undone < CLIENT_BATCHES) this.#make()
      if (this.plan.grows && this.#session && this.#session.unread < SOCKET_BYTES) this.#make()
      this.#pump()
      this.#makeLater()
    })
  }

  #makeAhead(): void {
    while (!this.over && this.#made < this.plan.batches && this.undone < this.plan.ahead) this.#make()
    this.#pump()
  }

  #make(): void {
    const { random, now } = this.#world
    const { size, poison } = this.plan
    this.#made++
    const shape = {
      records: random.chance(0.5) ? 1 : random.whole(2, 4),
      size: Math.round(size[0] + (size[1] - size[0]) * random.next() ** 3) * this.#times(),
      poison: random.chance(poison) ? random.pick([10, 87]) : 0,
    }
    this.#gathered = 0
    new Out(random.pick(this.pairs), shape, now)
  }

  /** How many fit in a batch by now. */
  #times(): number {
    return this.plan.grows ? Math.min(this.#gathered, 1000) : 1
  }

  /** It wants nothing more, and ends when what it has begun is done. */
  stop(): void {
    this.#made = this.plan.batches
  }

  // ── sending ─────────────────────────────────────────────────────────────────────────────────────────

  #pump(): void {
    const session = this.#session
    if (!session || this.over) return
    while (
      session.open.length < this.plan.style.requestsInFlight &&
      session.unread < SOCKET_BYTES &&
      this.#session === session
    ) {
      const outs = this.#takeSendable()
      if (outs.length === 0) break
      this.#send(session, outs)
    }
  }

  #takeSendable(): Out[] {
    const outs: Out[] = []
    const { pairs } = this
    const taken = new Set<PartitionLog>()
    for (let i = 0; i < pairs.length && outs.length < this.plan.style.partitionsPerRequest; i++) {
      const pair = pairs[(this.#cursor + i) % pairs.length]!
      const out = taken.has(pair.log) ? null : this.#sendableOf(pair)
      if (out) taken.add(pair.log)
      if (out) outs.push(out)
    }
    this.#cursor = (this.#cursor + 1) % pairs.length
    return outs
  }

  #sendableOf(pair: ClientPair): Out | null {
    const { style } = this.plan
    if (pair.needsBump) {
      if (pair.inFlight > 0) return null
      pair.bump()
    }
    if (style.idempotent && pair.inFlight >= 5) return null
    const { now } = this.#world
    const first = pair.pending[0]
    for (const out of pair.pending) {
      if (out.state === 'inFlight') continue
      if (out.retryAt > now) {
        this.#pumpBy(out.retryAt)
        if (style.retryOrder === 'any') continue
        return null
      }
      if (style.retryOrder === 'oneByOne' && out.attempts > 0 && out !== first) return null
      return out
    }
    return null
  }

  #send(session: Session, outs: Out[]): void {
    const { random, now } = this.#world
    const { style, timeoutMs } = this.plan
    const acks: Acks = style.acks === 'mixed' ? random.pick([-1, 0, 1] as const) : style.acks
    const copies = outs.map((out) => new Copy(out, acks, this.#world))
    let bytes = 60
    for (const copy of copies) bytes += copy.bytes.length + 20
    const frame: Frame = { acks, timeoutMs, copies, bytes, sentAt: now }
    this.frames.push(frame)
    if (this.#world.story) this.#world.tell(`client ${this.id} sends ${copies.join(', ')}`)
    for (const out of outs) {
      out.attempts++
      if (acks === 0) out.finish('unacknowledged')
      else {
        out.state = 'inFlight'
        out.pair.inFlight++
      }
    }
    session.unread += bytes
    if (acks !== 0) session.open.push(frame)
    session.link.there.send(() => session.node.receive(frame))
  }

  #pumpBy(time: number): void {
    if (this.#pumpAt <= time && this.#pumpAt > this.#world.now) return
    this.#pumpAt = time
    this.#world.at(time, () => this.#pump())
  }

  // ── answers ─────────────────────────────────────────────────────────────────────────────────────────

  #onAnswer(session: Session, frame: Frame, results: readonly { errorCode: number }[]): void {
    if (this.over || this.#session !== session) return
    if (session.open.shift() !== frame)
      this.#world.fail('order of answers', `client ${this.id} got another answer than it waits for`)
    for (const [i, copy] of frame.copies.entries()) this.#onResult(copy, results[i]!.errorCode)
    if (this.plan.gapMs === 0) this.#makeAhead()
    this.#pump()
  }

  #onResult(copy: Copy, code: number): void {
    const { out } = copy
    const { pair } = out
    pair.inFlight--
    if (out.state === 'done') return
    if (code === 0 || code === DUPLICATE_SEQUENCE) return out.finish('acked')
    if (this.#world.story) this.#world.tell(`client ${this.id}: ${copy} failed with ${code}`)
    if (code === OUT_OF_ORDER_SEQUENCE && pair.producerId) return this.#onOutOfOrder(copy)
    if (RETRIABLE.has(code) && out.attempts <= this.plan.style.retries) return this.#retry(out)
    out.finish('failed')
    if (pair.producerId) this.#leaveHole(pair)
  }

  #onOutOfOrder(copy: Copy): void {
    const { out } = copy
    const { pair } = out
    this.#retry(out)
    if (copy.epoch !== pair.epoch || pair.needsBump) return
    // It is asked again for as long as a batch before it is open.
    if (out !== pair.pending[0] && !pair.hasDropped) return
    if (this.plan.style.onOutOfOrder === 'fatal') this.#fail(OUT_OF_ORDER_SEQUENCE)
    else pair.needsBump = true
  }

  #retry(out: Out): void {
    const { random, now } = this.#world
    out.state = 'queued'
    out.retryAt = now + this.plan.style.backoffMs * random.between(0.8, 1.2)
    this.#pumpBy(out.retryAt)
  }

  /** A batch with a sequence was given up: what comes behind it needs a new epoch. */
  #leaveHole(pair: ClientPair): void {
    pair.hasDropped = true
    pair.needsBump = true
  }

  #fail(code: number): void {
    this.fatal = code
    for (const pair of this.pairs) for (const out of [...pair.pending]) out.finish('failed')
    this.#end()
  }

  /** Gives up what is too old, and hangs up on a node that does not answer. */
  #sweep(): void {
    if (this.over) return
    const { now } = this.#world
    for (const pair of this.pairs) {
      for (const out of [...pair.pending]) {
        if (now - out.madeAt >= this.plan.deliveryTimeoutMs) this.#drop(out)
      }
    }
    const oldest = this.#session?.open[0]
    if (oldest && now - oldest.sentAt > this.plan.timeoutMs) {
      this.#world.tell(`client ${this.id} has waited ${this.plan.timeoutMs} ms and hangs up`)
      this.#hangUp()
    }
    if (this.#made >= this.plan.batches && this.undone === 0) return this.#leaveSoon()
    if (this.plan.gapMs === 0) this.#makeAhead()
    this.#world.after(SWEEP_MS, () => this.#sweep())
  }

  #drop(out: Out): void {
    this.#world.tell(`client ${this.id} gives up #${out.number} of ${out.pair.log.name}`)
    out.finish('dropped')
    if (out.sequence < 0 || !out.pair.producerId) return
    out.pair.hasDropped = true
    if (this.plan.style.onDrop === 'bump') out.pair.needsBump = true
  }

  // ── connecting ──────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    if (this.over || this.#connecting || this.#session) return
    this.#connecting = true
    const { random } = this.#world
    this.#world.after(random.between(0.5, 5), () => {
      this.#connecting = false
      if (this.over) return
      const link = new Link(this.#world, [0.05, 1])
      const node = random.pick(this.#nodes).accept(link)
      if (!node) return this.#world.after(random.between(20, 200), () => this.#connect())
      const session: Session = { link, node, open: [], unread: 0 }
      this.#session = session
      node.client = {
        answer: (frame, results) => link.back.send(() => this.#onAnswer(session, frame, results)),
        hasRead: (frame) => {
          session.unread -= frame.bytes
          if (session.unread < SOCKET_BYTES) link.back.send(() => this.#pump())
        },
      }
      link.watch(
        () => this.#onClosed(session),
        () => node.onClosed(),
      )
      this.#pump()
    })
  }

  #onClosed(session: Session): void {
    if (this.#session !== session) return
    this.#session = null
    if (this.over) return
    this.#world.tell(`client ${this.id} has lost its connection`)
    for (const { copies } of session.open) for (const copy of copies) this.#onLost(copy)
    this.#connect()
  }

  #onLost(copy: Copy): void {
    const { out } = copy
    const { pair } = out
    copy.unheard = true
    pair.inFlight--
    if (out.state === 'done') return
    if (out.attempts <= this.plan.style.retries) return this.#retry(out)
    out.finish('failed')
    if (pair.producerId) this.#leaveHole(pair)
  }

  #hangUp(): void {
    const session = this.#session
    if (!session) return
    const unnoticed = this.#world.random.chance(0.3)
    session.link.closeFrom(0, unnoticed ? Number.POSITIVE_INFINITY : 0)
    if (unnoticed) session.link.cut(Number.POSITIVE_INFINITY, this.#world.random.between(1000, 15000))
    this.#onClosed(session)
  }

  #leaveSoon(): void {
    this.#world.after(this.#world.random.between(0, 200), () => this.#end())
  }

  #die(): void {
    if (this.over) return
    this.#world.tell(`client ${this.id} dies`)
    this.#end()
  }

  #end(): void {
    if (this.over) return
    this.over = true
    const session = this.#session
    this.#session = null
    session?.link.closeFrom(0, 0)
  }
}
