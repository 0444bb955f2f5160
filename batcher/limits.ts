/**
 * Every number the engine obeys, with its reason. What an operator may set stands in gateway/config-limits.ts.
 */
export const Limits = {
  /** A batch is never answered for lateness before it had this long, whole frame to deadline (DESIGN §4.9). */
  minAckWaitMs: 1000,
  /** Share of the client's TimeoutMs after which we answer, so that our answer comes before it hangs up. */
  ackWaitShare: 0.7,
  /** A submission unanswered this long after its upstream TimeoutMs closes its lane. */
  laneGraceMs: 1000,
  /** A submission is overdue after this many times the broker's median round trip... */
  overdueTimes: 4,
  /** ...but not before this long. */
  overdueMinMs: 200,
  /** A lane that carried nothing for so long is closed. */
  laneIdleMs: 60_000,
  /** With the breaker open a batch is held no longer than this... */
  breakerHoldMs: 5000,
  /** Producer ids remembered per client connection; idle ones beyond it are forgotten. */
  producersPerClient: 16,
  /** A topic that a broker does not know is asked for this long: the metadata of a new one spreads. */
  newTopicMs: 500,
  /** A partition that nobody writes to is remembered, with its leader, for this long. */
  unusedPartitionMs: 300_000,
  /** Unused partitions, and batches held while the breaker is open, are looked at this often. */
  slowSweepMs: 100,
  /** Housekeeping: deadlines, retries and idle lanes are looked at this often while batches wait. */
  sweepMs: 20,
} as const

/** When a batch must be answered, in ms of the engine's clock (DESIGN §4.9). */
export function deadlineOf(
  times: { firstByteAt: number; wholeAt: number },
  timeoutMs: number,
  maxAckWaitMs: number,
): number {
  const wait = Math.min(Limits.ackWaitShare * Math.max(0, timeoutMs), maxAckWaitMs)
  return Math.max(times.firstByteAt + wait, times.wholeAt + Limits.minAckWaitMs)
}
