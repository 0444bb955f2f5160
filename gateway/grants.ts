import type { Amounts } from '#fleet/amounts.ts'
import type { ClusterConfig } from '#gateway/config-schema.ts'

/** The whole budget of a cluster: what a node alone may use. */
export function budgetOf({ window }: ClusterConfig): Amounts {
  const { lanes, inFlightBytes, submissionsPerSecond } = window
  return { lanes, inFlightBytes, submissionsPerSecond }
}

/**
 * One worker's part of a node's grant. Each has at least one lane, or it could send nothing at all; the rest
 * is even, so a grant of fewer lanes than workers is exceeded.
 *
 * @param worker its number, from 0
 */
export function shareOf(grant: Amounts, worker: number, workers: number): Amounts {
  const spare = worker < grant.lanes % workers ? 1 : 0
  return {
    lanes: Math.max(1, Math.floor(grant.lanes / workers) + spare),
    inFlightBytes: grant.inFlightBytes / workers,
    submissionsPerSecond: grant.submissionsPerSecond / workers,
  }
}
