import type { History, State, StatusEvent } from '#status/contract.ts'
import { mergePatch } from '#status/merge-patch.ts'

/** A text frame in pieces, so that large ones can be shared between frames. */
export type Frame = readonly Buffer[]

export function frameOf(value: object): Frame {
  return [Buffer.from(JSON.stringify(value))]
}

/** `State` without what depends on the subscription. */
export type Common = Omit<State, 'topics' | 'clients'>

/** What is the same in the frames of all feeds: written once a tick, when the first of them needs it. */
export class TickTexts {
  readonly common: Common
  readonly #history: () => History
  readonly #events: readonly StatusEvent[]
  readonly #changes = new Map<Common, string>()
  #beginning: Buffer | null = null

  /** @param history of the same moment: it is asked for within the tick only */
  constructor(common: Common, history: () => History, events: readonly StatusEvent[]) {
    this.common = common
    this.#history = history
    this.#events = events
  }

  /** @param seq of the frame; @param own what else of `State` has changed, a merge patch */
  delta(seq: number, before: Common, own: object): Frame {
    let changes = this.#changes.get(before)
    if (changes === undefined) {
      changes = JSON.stringify(mergePatch(before, this.common))
      this.#changes.set(before, changes)
    }
    const head = `{"type":"delta","seq":${seq},"ts":${this.common.ts},"state":`
    return [Buffer.from(`${head}${joined(changes, JSON.stringify(own))}}`)]
  }

  /** The large part in the middle is the same for everybody. @param own the rest of `State` */
  snapshot(seq: number, own: object): Frame {
    const head = `{"type":"snapshot","seq":${seq},"ts":${this.common.ts},`
    return [
      Buffer.from(head),
      this.#middle(),
      Buffer.from(`,${JSON.stringify(mergePatch({}, own)).slice(1)}}`),
    ]
  }

  #middle(): Buffer {
    const { common } = this
    this.#beginning ??= Buffer.from(
      `"history":${JSON.stringify(this.#history())},"events":${JSON.stringify(this.#events)},` +
        `"state":${JSON.stringify(mergePatch({}, common)).slice(0, -1)}`,
    )
    return this.#beginning
  }
}

/** Two JSON objects without a member in common as one. */
function joined(a: string, b: string): string {
  if (a === '{}') return b
  return b === '{}' ? a : `${a.slice(0, -1)},${b.slice(1)}`
}
