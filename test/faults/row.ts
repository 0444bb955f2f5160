/** One row of the fault matrix, in a form that is short for `npm test` and is repeated for a torment. */
export interface Row<S> {
  number: string
  /** What is done, and what must hold. */
  name: string
  /** @returns what was counted, in words. @throws when something does not hold */
  run(stage: S): Promise<string>
}
