import type { World } from '#test/simulation/world.ts'

/** One direction of a connection: in order, late, and after a cut nothing. */
export class Wire {
  readonly #world: World
  readonly #latency: readonly [number, number]
  #lastAt = 0
  #stalledUntil = 0
  /** What would arrive from then on is lost. */
  #lostFrom = Number.POSITIVE_INFINITY

  constructor(world: World, latency: readonly [number, number]) {
    this.#world = world
    this.#latency = latency
  }

  send(deliver: () => void): void {
    const world = this.#world
    const delay = world.random.between(this.#latency[0], this.#latency[1])
    const time = Math.max(this.#lastAt, Math.max(world.now, this.#stalledUntil) + delay)
    this.#lastAt = time
    world.at(time, () => {
      if (time < this.#lostFrom) deliver()
    })
  }

  /** Nothing arrives before that time: packets are lost and sent again. */
  stall(until: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, until)
  }

  /** Some of what is under way still arrives, nothing else does. */
  lose(): void {
    const { now, random } = this.#world
    if (this.#lostFrom < Number.POSITIVE_INFINITY) return
    this.#lostFrom = random.chance(0.5) ? now : random.between(now, Math.max(now, this.#lastAt))
  }
}

/** A connection between two ends, each told of its end in its own time. */
export class Link {
  /** From the one who opened it. */
  readonly there: Wire
  readonly back: Wire
  isCut = false
  readonly #world: World
  readonly #onClosed: [() => void, () => void] = [() => {}, () => {}]
  readonly #told = [false, false]

  constructor(world: World, latency: readonly [number, number]) {
    this.#world = world
    this.there = new Wire(world, latency)
    this.back = new Wire(world, latency)
  }

  /** @param opener called when the end that opened the connection learns of its end; @param other the other end */
  watch(opener: () => void, other: () => void): void {
    this.#onClosed[0] = opener
    this.#onClosed[1] = other
  }

  /**
   * The connection is gone.
   *
   * @param toOpener ms until the opener learns of it; Infinity = never (half-open)
   */
  cut(toOpener: number, toOther: number): void {
    if (!this.isCut) {
      this.isCut = true
      this.there.lose()
      this.back.lose()
    }
    this.#tell(0, toOpener)
    this.#tell(1, toOther)
  }

  /** One end closes: it hears nothing more, and the other learns of it. What it wrote before still arrives. */
  closeFrom(end: 0 | 1, otherLearnsIn: number): void {
    this.#told[end] = true
    if (this.isCut) return
    this.isCut = true
    if (end === 0) this.back.lose()
    else this.there.lose()
    const wire = end === 0 ? this.there : this.back
    if (otherLearnsIn < Number.POSITIVE_INFINITY) wire.send(() => this.#tell((1 - end) as 0 | 1, 0))
  }

  #tell(end: 0 | 1, delay: number): void {
    if (delay === Number.POSITIVE_INFINITY) return
    this.#world.after(delay, () => {
      if (this.#told[end]) return
      this.#told[end] = true
      this.#onClosed[end]()
    })
  }
}
