import type { NodeState, NodeStatus } from '#status/contract.ts'
import type { NodeReport } from '#status/samples.ts'

/** A node that is gone is shown for so long, in ms. */
const GONE_MS = 10 * 60_000

/** A live node as the registry has it. */
export interface LiveNode {
  id: string
  state: NodeState
  /** A `NodeReport`; null before its first, and of another shape from another version of this program. */
  sample: unknown
}

interface Known {
  report: NodeReport
  state: NodeState
  seenAt: number
}

/** What the other nodes of the fleet say of themselves, and for a while what those said that are gone. */
export class OtherNodes {
  readonly #known = new Map<string, Known>()

  /** Once a second. @param now ms since 1970 */
  update(live: readonly LiveNode[], now: number): void {
    for (const [id, known] of this.#known) {
      if (live.some((node) => node.id === id)) continue
      known.state = 'gone'
      if (now - known.seenAt > GONE_MS) this.#known.delete(id)
    }
    for (const { id, state, sample } of live) {
      if (!isReport(sample)) continue
      const known = this.#known.get(id)
      // Our own clock: theirs may be wrong.
      const seenAt = known?.report.ts === sample.ts ? known.seenAt : now
      this.#known.set(id, { report: sample, state, seenAt })
    }
  }

  /** Of the live ones. */
  reports(): [string, NodeReport][] {
    return [...this.#known].flatMap(([id, { report, state }]) => (state === 'gone' ? [] : [[id, report]]))
  }

  statuses(): Record<string, NodeStatus> {
    const statuses = [...this.#known].map(([id, { report, state, seenAt }]): [string, NodeStatus] => [
      id,
      { ...report.status, state, seenAt },
    ])
    return Object.fromEntries(statuses)
  }
}

function isReport(sample: unknown): sample is NodeReport {
  return typeof sample === 'object' && sample !== null && 'status' in sample && 'durations' in sample
}
