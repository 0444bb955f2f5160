import type { Lane } from '#batcher/lane.ts'
import type { Submit } from '#batcher/ports.ts'
import type { Submission } from '#batcher/submission.ts'
import { BrokerConnection, type Item, type UpstreamAnswer } from '#test/simulation/brokers.ts'
import type { Copy } from '#test/simulation/copies.ts'
import { Link } from '#test/simulation/links.ts'
import type { SimNode } from '#test/simulation/node.ts'

const CONNECT_MS = [0.3, 3] as const

/** One upstream connection of a node. */
export interface Upstream {
  readonly lane: Lane
  readonly link: Link
  readonly broker: BrokerConnection
  written: boolean
  /** The batches of the submission under way, as items on the wire. */
  items: Item[]
}

/** The connections behind an engine's lanes, over the simulated network. As gateway/lane-sockets.ts. */
export class SimLanes implements Submit {
  readonly upstreams = new Map<Lane, Upstream>()
  readonly #node: SimNode

  constructor(node: SimNode) {
    this.#node = node
  }

  askLeaders(topic: string): void {
    this.#node.control.askLeaders(topic)
  }

  open(lane: Lane): void {
    this.#node.checks.onOpen(lane)
    this.#connect(lane, 0)
  }

  #connect(lane: Lane, failures: number): void {
    const node = this.#node
    const { world, cluster } = node
    const pause = failures === 0 ? 0 : Math.min(1000, 20 * 2 ** failures) * world.random.between(0.5, 1)
    world.after(pause + world.random.between(...CONNECT_MS), () =>
      node.whenAwake(() => {
        if (lane.state !== 'opening') return
        const broker = cluster.brokers[lane.broker.id]!
        const reached = broker.alive && !broker.isFrozen && world.now >= broker.muteUntil
        if (reached) return this.#opened(lane)
        node.control.askAll()
        this.#connect(lane, failures + 1)
      }),
    )
  }

  #opened(lane: Lane): void {
    const node = this.#node
    const { world, cluster, plan } = node
    const link = new Link(world, plan.upstreamLatency)
    const upstream: Upstream = {
      lane,
      link,
      written: false,
      items: [],
      broker: new BrokerConnection(cluster.brokers[lane.broker.id]!, (answer) =>
        link.back.send(() => node.whenAwake(() => this.#onAnswer(upstream, answer))),
      ),
    }
    this.upstreams.set(lane, upstream)
    link.watch(
      () => node.whenAwake(() => this.#onClosed(upstream)),
      () => upstream.broker.close(),
    )
    // A dead process resets its connections; a dead machine says nothing.
    upstream.broker.onDied = () => {
      const silent = world.random.chance(0.2)
      link.cut(silent ? world.random.between(500, 20000) : world.random.between(0, 5), 0)
    }
    node.control.noteAlive()
    node.engine.onLaneOpen(lane)
  }

  send(lane: Lane, submission: Submission): void {
    const node = this.#node
    const { world, cluster } = node
    node.checks.onSend(lane, submission)
    const upstream = this.upstreams.get(lane)!
    const items = submission.batches.map((batch) => {
      const copy = batch.waiter as Copy
      return { copy, bytes: batch.bytes, log: cluster.log(batch.topic, batch.index) }
    })
    upstream.items = items
    if (upstream.link.isCut && world.random.chance(0.5)) {
      upstream.written = false
      const closed = () => this.#onClosed(upstream)
      // The real one notices a dead socket only while it writes, and says so at once.
      if (node.plan.closesAtOnce) closed()
      else world.after(0, () => node.whenAwake(closed))
      return
    }
    upstream.written = true
    const acks = submission.acksClass === 0 ? -1 : 1
    const request = { acks, timeoutMs: submission.timeoutMs, items } as const
    upstream.link.there.send(() => {
      if (!upstream.broker.closed && upstream.broker.broker.alive) upstream.broker.receive(request)
    })
  }

  #onAnswer(upstream: Upstream, { results, throttleMs }: UpstreamAnswer): void {
    const node = this.#node
    if (!this.upstreams.has(upstream.lane)) return
    node.control.noteAlive()
    const { items } = upstream
    upstream.written = false
    upstream.items = []
    const inOrder = items.map((item) => results.get(item) ?? null)
    node.checks.onAnswer(upstream.lane, items, inOrder, throttleMs)
    node.engine.onAnswer(upstream.lane, inOrder, throttleMs)
    node.checks.settled()
  }

  #onClosed(upstream: Upstream): void {
    const node = this.#node
    if (!this.upstreams.delete(upstream.lane)) return
    if (node.world.story) node.world.tell(`${node.name}: lane ${upstream.lane.id} is closed`)
    node.checks.onLaneClosed(upstream.lane, upstream.items, upstream.written)
    node.engine.onLaneClosed(upstream.lane, upstream.written)
    node.control.askAll()
    node.checks.settled()
  }

  close(lane: Lane): void {
    const node = this.#node
    const upstream = this.upstreams.get(lane)
    const close = (): void => {
      if (upstream) this.#onClosed(upstream)
      else if (lane.state !== 'closed') {
        node.checks.onLaneClosed(lane, [], false)
        node.engine.onLaneClosed(lane, false)
      }
    }
    upstream?.link.closeFrom(0, node.world.random.chance(0.8) ? 0 : Number.POSITIVE_INFINITY)
    if (node.plan.closesAtOnce) close()
    else node.world.after(0, () => node.whenAwake(close))
  }
}
