/** One row of the fault matrix, in a form that is short for `npm test` and is repeated for a torment. */
export interface Row<S> {
  number: string
  /** What is done, and what must hold. */
  name: string
  /** One round takes as long as the torment is told to last, instead of one round after the other. */
  isLong?: boolean
  /**
   * @param ms how long the fault lasts, where that can be chosen; left out: what a test has time for
   * @returns what was counted, in words. @throws when something does not hold
   */
  run(stage: S, ms?: number): Promise<string>
}
