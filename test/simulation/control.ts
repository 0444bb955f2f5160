import type { SimBroker } from '#test/simulation/brokers.ts'
import type { SimNode } from '#test/simulation/node.ts'

/** Leaders are asked for at most this often, in ms. */
const SPACING_MS = 50
const HEARTBEAT_MS = 1000
const DOWN_AFTER_MS = 3000
const WATCH_MS = 250

/** A node's connection for questions: who leads what, and whether anybody is there. As upstream/cluster.ts. */
export class Control {
  readonly #node: SimNode
  readonly #asked = new Set<string>()
  #asking = false
  #lastAliveAt: number
  #nextBeatAt = 0
  /** Nobody of the cluster has been heard of for a while. */
  isDown = false
  /** The run is over. */
  stopped = false

  constructor(node: SimNode) {
    this.#node = node
    this.#lastAliveAt = node.world.now
    node.world.after(0, () => this.#watch())
  }

  noteAlive(): void {
    this.#lastAliveAt = this.#node.world.now
    if (this.isDown) this.#breaker(false)
  }

  askLeaders(topic: string): void {
    this.#asked.add(topic)
    if (!this.#asking) this.#ask()
  }

  /** Trouble with a broker: ask about everything. */
  askAll(): void {
    for (const { topic } of this.#node.cluster.logs) this.askLeaders(topic)
  }

  #ask(): void {
    if (this.#asked.size === 0 || this.stopped) {
      this.#asking = false
      return
    }
    this.#asking = true
    const topics = [...this.#asked]
    this.#asked.clear()
    const { world } = this.#node
    this.#question(
      (broker) => {
        const answers = topics.map((topic) => ({ topic, ...this.#node.cluster.describe(broker, topic) }))
        return () => {
          for (const { topic, errorCode, leaders } of answers) this.#learn(topic, errorCode, leaders)
        }
      },
      () => {
        for (const topic of topics) this.#asked.add(topic)
      },
    )
    world.after(SPACING_MS, () => this.#ask())
  }

  #learn(topic: string, errorCode: number, leaders: readonly number[]): void {
    const { engine, checks, world, name } = this.#node
    if (world.story) world.tell(`${name} hears of ${topic}: ${errorCode || leaders.join(' ')}`)
    checks.onLeaders(topic, errorCode, leaders)
    engine.onLeaders(topic, errorCode, leaders)
  }

  /** Asks one broker that is there; whether it still is when the answer is due is another matter. */
  #question(ask: (broker: SimBroker) => () => void, failed: () => void): void {
    const { world, cluster, plan } = this.#node
    const { alive } = cluster
    if (alive.length === 0) return failed()
    const broker = world.random.pick(alive)
    const [least, most] = plan.upstreamLatency
    world.after(world.random.between(least, most), () => {
      if (!broker.alive) return failed()
      broker.whenAwake(() => {
        const answer = ask(broker)
        const lost = world.now < broker.muteUntil
        if (lost || !broker.alive) return failed()
        world.after(world.random.between(least, most), () =>
          this.#node.whenAwake(() => {
            this.noteAlive()
            answer()
          }),
        )
      })
    })
  }

  #watch(): void {
    const { world } = this.#node
    if (this.stopped) return
    if (world.now >= this.#nextBeatAt) {
      this.#nextBeatAt = world.now + HEARTBEAT_MS
      this.#question(
        () => () => {},
        () => {},
      )
    }
    if (!this.isDown && world.now - this.#lastAliveAt > DOWN_AFTER_MS) this.#breaker(true)
    world.after(WATCH_MS, () => this.#node.whenAwake(() => this.#watch()))
  }

  #breaker(open: boolean): void {
    const { world, name, engine } = this.#node
    world.tell(`${name}: the cluster is ${open ? 'down' : 'up again'}`)
    this.isDown = open
    engine.breakerOpen = open
  }
}
