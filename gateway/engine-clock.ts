import type { Engine } from '#batcher/engine.ts'
import type { Clock } from '#batcher/ports.ts'

/** Real time for an engine: one timer, and one flush at the end of a turn of the event loop. */
export class EngineClock implements Clock {
  /** Set once the engine exists; the engine calls nothing here while it is being made. */
  engine: Engine | null = null
  /** A flush is to come at the end of this turn. */
  flushes = false
  /** When the timer is to fire, in ms. */
  wakesAt = Number.POSITIVE_INFINITY
  readonly lingers: () => void
  #timer: NodeJS.Timeout | undefined

  /** @param onLinger called when what has come is to wait */
  constructor(onLinger: () => void) {
    this.lingers = onLinger
  }

  now(): number {
    return performance.now()
  }

  wakeAt(time: number): void {
    this.wakesAt = time
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#wake(time), Math.max(1, Math.ceil(time - performance.now())))
  }

  /** Node's timers count from the beginning of a turn, so they may fire early by `performance.now()`. */
  #wake(time: number): void {
    if (performance.now() < time) return this.wakeAt(time)
    this.wakesAt = Number.POSITIVE_INFINITY
    this.engine?.onWake()
  }

  flushSoon(): void {
    if (this.flushes) return
    this.flushes = true
    setImmediate(() => {
      this.flushes = false
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
