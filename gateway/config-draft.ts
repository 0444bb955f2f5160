import type { Parsed } from '#gateway/config-schema.ts'
import type { Address } from '#gateway/config-values.ts'

/** A parsed configuration in which anything may be missing, because it was wrong and has been reported. */
export type Draft = Loose<Parsed>

type Loose<T> = T extends Address
  ? T
  : T extends (infer U)[]
    ? (Loose<U> | undefined)[]
    : T extends object
      ? { [K in keyof T]?: Loose<T[K]> }
      : T

/** Calls `on` for every entry that says the same as an earlier one. */
export function findRepeats<T>(
  entries: readonly (T | undefined)[],
  on: (first: number, second: number, value: T) => void,
): void {
  const seen = new Map<T, number>()
  entries.forEach((value, i) => {
    if (value === undefined) return
    const first = seen.get(value)
    if (first === undefined) seen.set(value, i)
    else on(first, i, value)
  })
}
