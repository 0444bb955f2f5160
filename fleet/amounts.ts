/** Of one cluster. As a budget or grant, 0 submissions per second = unlimited. */
export interface Amounts {
  /** Produce connections per broker. */
  lanes: number
  /** Bytes sent or about to be, and not yet answered. */
  inFlightBytes: number
  submissionsPerSecond: number
}

/** What this node may use of a cluster's budget. */
export interface Grant extends Amounts {
  /** The fleet could not be asked: the last grant stays, or the floor where there was none. */
  stale: boolean
  /** The fleet may use more than the budget: the floors alone exceed it, or a node is to give way and has not yet. */
  overcommitted: boolean
}

/** What a node says of itself each second. */
export interface GrantReport {
  uses: Amounts
  /** What it could use now, at least the floor. */
  wants: Amounts
}

/** A share is leased: this long after the last call its owner counts as gone, in ms. */
export const GRANT_LEASE_MS = 5000
/** So long after the end of the lease it is still the owner's, in ms. */
export const GRANT_KEPT_MS = 30_000

/** What each worker gets in any case: a lane per broker, one submission of any size on it, one submission/s. */
export function floorOf(workers: number, maxBytes: number): Amounts {
  return { lanes: workers, inFlightBytes: workers * maxBytes, submissionsPerSecond: workers }
}
