import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Ten wake-ups a second, none of them in JavaScript. */
const RESOLUTION_MS = 100
const NS_PER_MS = 1e6

/** How late timers come: what a long turn of the event loop costs everybody who waits. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#histogram.enable()
  }

  /** The latest since the last call, in ms. */
  take(): number {
    const { max, count } = this.#histogram
    this.#histogram.reset()
    return count === 0 ? 0 : Math.max(0, max / NS_PER_MS - RESOLUTION_MS)
  }

  stop(): void {
    this.#histogram.disable()
  }
}
