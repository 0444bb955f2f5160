import type { Crowd } from '#gateway/demo-crowd.ts'
import type { Fault } from '#sandbox/faults.ts'
import type { Sandbox } from '#sandbox/sandbox.ts'

/** The script begins anew after so long, in s. */
const ROUND_S = 150
/** Load rises and falls twice a round, between these shares of what the crowd can do. */
const LOAD = { low: 0.3, high: 1, waves: 2 }
/** In s of each round. */
const SLOW = { cluster: 'us', from: 40, to: 65, ms: 120 }
const DEAD = { cluster: 'ap', from: 90, to: 110 }
const STEP_MS = 1000

/** What happens to the demo's clusters, so that there is something to see; the same every round. */
export class DemoScript {
  readonly #crowd: Crowd
  readonly #sandboxes: readonly Sandbox[]
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #slow: Fault | null = null
  #isDead = false

  constructor(crowd: Crowd, sandboxes: readonly Sandbox[]) {
    this.#crowd = crowd
    this.#sandboxes = sandboxes
    this.#timer = setInterval(() => void this.#step(), STEP_MS)
  }

  async #step(): Promise<void> {
    const second = ((performance.now() - this.#startedAt) / 1000) % ROUND_S
    this.#crowd.setLoad(loadAt(second))
    this.#setSlow(second >= SLOW.from && second < SLOW.to)
    await this.#setDead(second >= DEAD.from && second < DEAD.to)
  }

  #setSlow(wanted: boolean): void {
    if (wanted) this.#slow ??= this.#sandbox(SLOW.cluster).delay(SLOW.ms)
    else {
      this.#slow?.lift()
      this.#slow = null
    }
  }

  async #setDead(wanted: boolean): Promise<void> {
    if (wanted === this.#isDead) return
    this.#isDead = wanted
    const { brokers } = this.#sandbox(DEAD.cluster)
    await Promise.all(brokers.map((broker) => (wanted ? broker.kill() : broker.start())))
  }

  #sandbox(cluster: string): Sandbox {
    return this.#sandboxes.find(({ name }) => name === cluster)!
  }

  /** Everything is well again, and stays so. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#setSlow(false)
    await this.#setDead(false)
  }
}

/** A share of what the crowd can do; it begins in the middle of a rise. */
function loadAt(second: number): number {
  const angle = (second / ROUND_S) * LOAD.waves * 2 * Math.PI
  return LOAD.low + ((LOAD.high - LOAD.low) * (1 + Math.sin(angle))) / 2
}
