import type { World } from '#test/simulation/world.ts'

/** A process that may be stopped for a while (SIGSTOP, a long turn of its event loop) and then catches up. */
export class Process {
  readonly world: World
  frozenUntil = 0
  /** When it ran again after its last stop. */
  thawedAt = 0
  readonly #backlog: (() => void)[] = []

  constructor(world: World) {
    this.world = world
  }

  get isFrozen(): boolean {
    return this.world.now < this.frozenUntil || this.#backlog.length > 0
  }

  freeze(ms: number): void {
    const { world } = this
    this.frozenUntil = Math.max(this.frozenUntil, world.now + ms)
    world.at(this.frozenUntil, () => this.#thaw())
  }

  /** Now, or when the process runs again; never out of order. */
  whenAwake(run: () => void): void {
    if (this.isFrozen) this.#backlog.push(run)
    else run()
  }

  #thaw(): void {
    if (this.world.now < this.frozenUntil) return
    this.thawedAt = this.world.now
    for (let run = this.#backlog.shift(); run; run = this.#backlog.shift()) run()
  }
}
