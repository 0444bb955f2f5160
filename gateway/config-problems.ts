/** Where a value of the configuration came from. All fields empty: from nowhere, it is missing altogether. */
export interface Where {
  file?: string
  /** First line and column are 1, as editors count. */
  line?: number
  column?: number
  /** Environment variable, such as `SLUICE_ADMIN__BIND`. */
  variable?: string
  /** Command line flag, such as `--set admin.bind`. */
  flag?: string
}

/** One thing that is wrong (or, in a list of warnings, doubtful) in a configuration. */
export interface Problem {
  where: Where
  /** Such as `clusters[1].window.linger`; empty when it concerns the whole file. */
  path: string
  /** Reads on from the path: "must be ..., but is ...". Never holds a secret. */
  text: string
  /** What to do about it: `did you mean "linger"?` */
  hint?: string
}

export type Path = readonly (string | number)[]

export function formatPath(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i ? `.${part}` : part)).join('')
}

export function formatWhere({ file, line, column, variable, flag }: Where): string {
  if (variable) return variable
  if (flag) return flag
  if (!file) return 'configuration'
  return line ? `${file}:${line}:${column}` : file
}

/** One line: `sluice.yaml:12:5: clusters[0].window.linger must be ..., but is "5"`. */
export function formatProblem(problem: Problem): string {
  const subject = problem.path ? `${problem.path} ` : ''
  return `${formatWhere(problem.where)}: ${subject}${problem.text}${problem.hint ? `; ${problem.hint}` : ''}`
}

const SHOWN_CHARACTERS = 60

/** A value as an error shows it: short, passwords of URLs masked. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return String(value)
  const text = maskPassword(value)
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text)
}

/** The part of a URL before and the password itself, which may contain anything. */
const PASSWORD = /(:\/\/[^/:@]*:).+@/

/** `redis://user:secret@host` becomes `redis://user:***@host`. */
export function maskPassword(text: string): string {
  return text.replace(PASSWORD, '$1***@')
}

export function holdsPassword(url: string): boolean {
  return PASSWORD.test(url)
}

/** `did you mean "x"?` for the known word nearest to `given`, if one is near enough to be a slip. */
export function didYouMean(given: string, known: Iterable<string>): string | undefined {
  const nearest = nearestWord(given, known)
  return nearest === undefined ? undefined : `did you mean ${JSON.stringify(nearest)}?`
}

export function nearestWord(given: string, known: Iterable<string>): string | undefined {
  const word = given.toLowerCase()
  const reach = Math.max(1, Math.floor(word.length / 3))
  let best: string | undefined
  let bestDistance = reach + 1
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const begins = word.length > 2 && (other.startsWith(word) || (word.startsWith(other) && other.length > 2))
    const distance = Math.min(editDistance(word, other), begins ? reach : Number.POSITIVE_INFINITY)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance, with a swap of two neighbours counted as one slip. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
