import { parse } from 'yaml'
import { formatPath, type Path, type Problem, type Where } from '#gateway/config-problems.ts'

export type Mapping = Record<string, unknown>

/**
 * A value that came as text (environment, flag, `${VAR}`), so whether `9092` is a number or a string is known
 * only when the schema is asked.
 */
export class Text {
  readonly text: string
  /** The part that is written down for all to read; what variables brought is left out. */
  readonly literal: string

  constructor(text: string, literal = text) {
    this.text = text
    this.literal = literal
  }
}

/** Stands for a value whose variable is not set: reported already, so there is no more to say about it. */
export const BROKEN = Symbol('broken')

/** The configuration before it is checked: plain values, and for each path where it came from. */
export class Tree {
  root: unknown = {}
  readonly problems: Problem[] = []
  readonly #values = new Map<string, Where>()
  readonly #keys = new Map<string, Where>()
  readonly #literals = new Map<string, string>()

  /** Remembers where a value stands, and where its key does. */
  record(path: Path, value: Where, key: Where = value): void {
    const name = formatPath(path)
    this.#values.set(name, value)
    this.#keys.set(name, key)
  }

  recordLiteral(path: Path, literal: string): void {
    this.#literals.set(formatPath(path), literal)
  }

  /** The part of a text that is written down in the file or on the command line. */
  literal(path: Path): string {
    return this.#literals.get(formatPath(path)) ?? ''
  }

  /** Where the value at `path` came from; for a missing one, what should have held it. */
  where(path: Path): Where {
    return climb(this.#values, path)
  }

  whereKey(path: Path): Where {
    return this.#keys.get(formatPath(path)) ?? this.where(path)
  }

  /** True if the file, the environment or a flag gives the value itself. An empty one (`key:`) is none. */
  isGiven(path: Path): boolean {
    if (!this.#values.has(formatPath(path))) return false
    let value: unknown = this.root
    for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key]
    return value !== undefined && value !== null
  }

  report(path: Path, text: string, hint?: string, where = this.where(path)): void {
    this.problems.push({ where, path: formatPath(path), text, ...(hint ? { hint } : {}) })
  }

  /** Puts a value over what is there, `undefined` takes it away. Mappings and lists on the way are made. */
  set(path: Path, value: unknown, where: Where): void {
    let container = this.#enter(path, where)
    if (!container) return
    const last = path.at(-1)!
    this.#forget(path)
    if (value === undefined) {
      if (!Array.isArray(container)) delete (container as Mapping)[last]
      else this.report(path, 'is an entry of a list and cannot be taken away alone', undefined, where)
      return
    }
    if (Array.isArray(container) && !fits(container, last)) {
      this.report(path, `leaves a gap: the next index is ${container.length}`, undefined, where)
      return
    }
    this.record(path, where)
    if (value instanceof Text) this.recordLiteral(path, value.literal)
    container = container as Mapping
    container[last] = value
  }

  #enter(path: Path, where: Where): Mapping | unknown[] | undefined {
    let container = this.root as Mapping
    for (let i = 0; i < path.length - 1; i++) {
      const part = path[i]!
      if (Array.isArray(container) && !fits(container, part)) {
        this.report(path, `leaves a gap: the next index is ${container.length}`, undefined, where)
        return undefined
      }
      if (container[part] === undefined) {
        container[part] = typeof path[i + 1] === 'number' ? [] : {}
        this.record(path.slice(0, i + 1), where)
      }
      const next = container[part]
      if (!isMapping(next) && !Array.isArray(next)) {
        const text = `cannot be set: ${formatPath(path.slice(0, i + 1))} is neither a mapping nor a list`
        this.report(path, text, undefined, where)
        return undefined
      }
      container = next as Mapping
    }
    return container
  }

  #forget(path: Path): void {
    const name = formatPath(path)
    for (const map of [this.#values, this.#keys, this.#literals]) {
      for (const key of map.keys()) {
        if (key === name || key.startsWith(`${name}.`) || key.startsWith(`${name}[`)) map.delete(key)
      }
    }
  }
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Text)
}

/** What a text may mean, the literal reading first: `"9092"`, then 9092. */
export function readings(text: string): unknown[] {
  const value = parseQuietly(text)
  return value === undefined || value === text ? [text] : [text, value]
}

/** A list as YAML (`[a, b]`), or simply separated by commas. */
export function listFromText(text: string): unknown {
  if (text.trimStart().startsWith('[')) return parseQuietly(text)
  const parts = text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '')
}

export function mappingFromText(text: string): unknown {
  return parseQuietly(text)
}

function parseQuietly(text: string): unknown {
  try {
    return parse(text, { logLevel: 'silent' })
  } catch {
    return undefined
  }
}

function fits(list: unknown[], index: string | number): boolean {
  return typeof index === 'number' && index <= list.length
}

function climb(map: Map<string, Where>, path: Path): Where {
  for (let length = path.length; length >= 0; length--) {
    const found = map.get(formatPath(path.slice(0, length)))
    if (found) return found
  }
  return {}
}
