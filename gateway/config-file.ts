import { readFileSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
  type YAMLMap,
  type YAMLWarning,
} from 'yaml'
import type { Path, Where } from '#gateway/config-problems.ts'
import { BROKEN, Text, Tree } from '#gateway/config-tree.ts'

export type Variables = Record<string, string | undefined>

/** Deeper than any key of the schema, and an end to an alias that contains itself. */
const MAX_DEPTH = 16
/** An end to aliases of aliases of aliases. */
const MAX_NODES = 100_000

const UNREADABLE: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
}

/**
 * Reads a YAML file into a tree, `${VAR}` filled in from `variables`. What is wrong stands in
 * `tree.problems`; `whole` is false if the file could not be read or parsed at all, so that there is nothing
 * more to check.
 */
export function readTree(file: string, variables: Variables): { tree: Tree; whole: boolean } {
  const tree = new Tree()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    tree.report([], `cannot be read: ${UNREADABLE[code ?? ''] ?? message}`, undefined, { file })
    return { tree, whole: false }
  }
  return { tree, whole: new FileReader(tree, file, text, variables).read() }
}

class FileReader {
  readonly #tree: Tree
  readonly #file: string
  readonly #variables: Variables
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed
  readonly #text: string[]
  #nodes = 0
  #excess = false

  constructor(tree: Tree, file: string, text: string, variables: Variables) {
    this.#tree = tree
    this.#file = file
    this.#variables = variables
    this.#text = text.split('\n')
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
  }

  read(): boolean {
    const { errors, warnings, contents } = this.#document
    this.#tree.record([], { file: this.#file, line: 1, column: 1 })
    this.#reportSyntax([...errors, ...warnings])
    if (errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return false
    this.#tree.root = this.#value(contents, []) ?? {}
    return !this.#excess
  }

  /** One error per line, and none of those that only follow from an earlier one: the parser stumbles on. */
  #reportSyntax(errors: (YAMLError | YAMLWarning)[]): void {
    const seen = new Set<number>()
    for (const { code, message, pos } of errors) {
      const where = this.#at(pos[0])
      const follows = seen.size > 0 && message.includes('in YAML stream')
      if (follows || seen.has(where.line!)) continue
      seen.add(where.line!)
      const line = this.#text[where.line! - 1] ?? ''
      const key = /^[\w.-]+/.exec(line.slice(where.column! - 1))?.[0] ?? 'this key'
      const text = code === 'DUPLICATE_KEY' ? `${key} stands here for the second time` : lowerFirst(message)
      this.#tree.report([], text, quotingHint(line), where)
    }
  }

  #value(node: Node | null, path: Path): unknown {
    if (this.#excess) return undefined
    if (++this.#nodes > MAX_NODES || path.length > MAX_DEPTH) {
      this.#reportExcess(path)
      return undefined
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target) return this.#value(target, path)
      this.#tree.report(path, `points to &${node.source}, which does not exist before it`)
      return BROKEN
    }
    if (isMap(node)) return this.#mapping(node, path)
    if (isSeq(node)) return node.items.map((item, i) => this.#child(item as Node | null, [...path, i]))
    if (!isScalar(node)) return undefined
    return typeof node.value === 'string' ? this.#fillIn(node.value, path) : (node.value ?? undefined)
  }

  #mapping(node: YAMLMap, path: Path): unknown {
    const mapping: Record<string, unknown> = Object.create(null)
    for (const { key, value } of node.items) {
      const keyWhere = this.#at((key as Node).range?.[0])
      if (!isScalar(key)) {
        this.#tree.report(path, 'has a key that is not a plain word', undefined, keyWhere)
        continue
      }
      const name = String(key.value)
      const child = this.#child(value as Node | null, [...path, name], keyWhere)
      if (child !== undefined) mapping[name] = child
    }
    return mapping
  }

  #child(node: Node | null, path: Path, keyWhere?: Where): unknown {
    const empty = !node || (isScalar(node) && node.value === null)
    const here = empty && keyWhere ? keyWhere : this.#at(node?.range?.[0])
    this.#tree.record(path, here, keyWhere ?? here)
    return this.#value(node, path)
  }

  /** `${VAR}` becomes the variable's value, `$${` a plain `${`. */
  #fillIn(text: string, path: Path): unknown {
    if (!text.includes('${')) {
      this.#tree.recordLiteral(path, text)
      return text
    }
    let filled = false
    let broken = false
    const replace = (by: (name: string) => string) =>
      text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (whole, name?: string) => {
        if (name === undefined) return '${'
        filled = true
        return by(whole.endsWith('}') ? name : '')
      })
    const literal = replace(() => '')
    const value = replace((name) => {
      const content = this.#variable(name, path)
      broken ||= content === undefined
      return content ?? ''
    })
    this.#tree.recordLiteral(path, literal)
    if (broken) return BROKEN
    return filled ? new Text(value, literal) : value
  }

  #variable(name: string, path: Path): string | undefined {
    const value = this.#variables[name]
    if (value !== undefined) return value
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      this.#tree.report(path, `needs the environment variable ${name}, which is not set`)
    } else {
      this.#tree.report(path, `has a "\${" that is not a variable`, `write \${NAME}, or $\${ for a plain \${`)
    }
    return undefined
  }

  #reportExcess(path: Path): void {
    this.#excess = true
    const text = this.#nodes > MAX_NODES ? `has more than ${MAX_NODES} values` : 'is nested too deep'
    this.#tree.report(path.slice(0, 4), text)
  }

  #at(offset: number | undefined): Where {
    if (offset === undefined) return { file: this.#file }
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#file, line, column: col }
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function quotingHint(line: string): string | undefined {
  if (/\$\{/.test(line)) return `between { } and [ ], put "\${NAME}" in quotes`
  return /\[[0-9a-f:.]*\]:/i.test(line) ? 'put an IPv6 address in quotes: "[::1]:9092"' : undefined
}
