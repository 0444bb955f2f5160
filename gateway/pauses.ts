import type { Socket } from 'node:net'

/** Why a connection is not read for now. It is read again when no reason is left. */
export const PAUSE_REASONS = {
  admission: 'the node holds 80 % of `limits.memory`, and this client much of it; at 90 % all clients',
  cluster: 'the cluster it writes to holds its share of `limits.memory`, half of it where there are several',
  permit: 'its request is over 1 MiB, and `limits.largeFrames` of them are being read',
  pipelined: '`limits.pipelined` or `limits.pipelinedBytes` of its requests are not answered',
  output: '`limits.outputBytes` of answers wait for it to read them',
  refused: 'it will be closed for a wrong request, once everything before is answered',
} as const

export type PauseReason = keyof typeof PAUSE_REASONS

/** A bit for each, since they are asked for with every frame. */
const BITS = Object.fromEntries(Object.keys(PAUSE_REASONS).map((reason, i) => [reason, 1 << i])) as Record<
  PauseReason,
  number
>
/** With one of these, frames that have come already are not taken up either. */
const STOPPING = BITS.cluster | BITS.pipelined | BITS.output | BITS.refused

/** Back-pressure of one client socket: an idempotent pair, and since when it is in force. */
export class Pauses {
  readonly #socket: Socket
  #reasons = 0
  readonly #counters: { heldBackBy(reason: PauseReason): void }
  readonly #owner: { onResumed(): void }
  /** ms; what is read next may have waited since then. -1 when nothing has. */
  #waitingSince = -1

  constructor(
    socket: Socket,
    counters: { heldBackBy(reason: PauseReason): void },
    owner: { onResumed(): void },
  ) {
    this.#socket = socket
    this.#counters = counters
    this.#owner = owner
  }

  get reading(): boolean {
    return this.#reasons === 0
  }

  get takesFrames(): boolean {
    return (this.#reasons & STOPPING) === 0
  }

  add(reason: PauseReason): void {
    if (this.#reasons & BITS[reason]) return
    this.#counters.heldBackBy(reason)
    if (this.reading) {
      this.#waitingSince = performance.now()
      this.#socket.pause()
    }
    this.#reasons |= BITS[reason]
  }

  remove(reason: PauseReason): void {
    if (!(this.#reasons & BITS[reason])) return
    this.#reasons &= ~BITS[reason]
    if (!this.reading || this.#socket.destroyed) return
    this.#socket.resume()
    this.#owner.onResumed()
  }

  /** When bytes that come now began to wait, in ms: the start of the pause before them, or now. */
  arrival(now: number): number {
    const since = this.#waitingSince
    this.#waitingSince = -1
    return since < 0 ? now : since
  }

  /** Reads whatever comes, to throw it away. */
  clear(): void {
    this.#reasons = 0
    this.#socket.resume()
  }
}
