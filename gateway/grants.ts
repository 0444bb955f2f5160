import type { ClusterConfig } from '#gateway/config-schema.ts'

/** What a node or a worker may put on one cluster. */
export interface Grant {
  /** Lanes to each broker. */
  lanes: number
  /** Bytes in submissions under way. */
  inFlightBytes: number
  /** 0 is no limit. */
  submissionsPerSecond: number
}

/** The whole budget of a cluster: what a node alone may use. */
export function budgetOf({ window }: ClusterConfig): Grant {
  const { lanes, inFlightBytes, submissionsPerSecond } = window
  return { lanes, inFlightBytes, submissionsPerSecond }
}

/**
 * One worker's part of a node's grant. Each has at least one lane, or it could send nothing at all; the rest
 * is even, so a grant of fewer lanes than workers is exceeded.
 *
 * @param worker its number, from 0
 */
export function shareOf(grant: Grant, worker: number, workers: number): Grant {
  const spare = worker < grant.lanes % workers ? 1 : 0
  return {
    lanes: Math.max(1, Math.floor(grant.lanes / workers) + spare),
    inFlightBytes: grant.inFlightBytes / workers,
    submissionsPerSecond: grant.submissionsPerSecond / workers,
  }
}
