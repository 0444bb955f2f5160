import type { Engine } from '#batcher/engine.ts'
import type { Clock } from '#batcher/ports.ts'

/** Real time for an engine: one timer, and one flush at the end of a turn of the event loop. */
export class EngineClock implements Clock {
  /** Set once the engine exists; the engine calls nothing here while it is being made. */
  engine: Engine | null = null
  #timer: NodeJS.Timeout | undefined
  #flushScheduled = false

  now(): number {
    return performance.now()
  }

  wakeAt(time: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#wake(time), Math.max(0, time - performance.now()))
  }

  /** Node's timers may fire almost 2 ms early by `performance.now()`. */
  #wake(time: number): void {
    if (performance.now() < time) this.wakeAt(time)
    else this.engine?.onWake()
  }

  flushSoon(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      this.engine?.flush()
    })
  }

  random(): number {
    return Math.random()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.engine = null
  }
}
