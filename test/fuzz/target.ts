import type { Random } from '#test/simulation/random.ts'

/** One kind of bytes that strangers send us. */
export interface Target {
  name: string
  /** How often it is chosen, compared to the others. */
  weight: number
  /** One case, all of it chosen by `random`. Throws what it finds. */
  run(random: Random, note: Note): void
}

/** Tells what the case is about, for the report of a failure. */
export type Note = (what: string, bytes?: Buffer) => void
