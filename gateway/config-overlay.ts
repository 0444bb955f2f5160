import type { Variables } from '#gateway/config-file.ts'
import { didYouMean, nearestWord, type Path, type Problem, type Where } from '#gateway/config-problems.ts'
import { configSchema } from '#gateway/config-schema.ts'
import { listFromText, mappingFromText, Text, type Tree } from '#gateway/config-tree.ts'
import { elementOf, keysOf, kindOf, type Schema, schemaAt } from '#gateway/config-walk.ts'

const PREFIX = 'SLUICE_'
const SEPARATOR = '__'

/** Kubernetes sets these in every pod beside a service called "sluice"; an image may set SLUICE_VERSION. */
const NOT_OURS = /^SLUICE_(SERVICE_.*|PORT|PORT_.*|VERSION)$/

/**
 * Lays `SLUICE_ADMIN__BIND` and the like over the tree. `__` separates levels, keys are matched whatever
 * their case, lists go by index. An empty variable counts as not set.
 *
 * @returns warnings: variables that look like ours and are no setting
 */
export function applyEnvironment(tree: Tree, variables: Variables): Problem[] {
  const warnings: Problem[] = []
  const settings: { path: Path; text: string; where: Where }[] = []
  for (const [variable, text] of Object.entries(variables)) {
    if (!variable.startsWith(PREFIX) || !text || NOT_OURS.test(variable)) continue
    const { path, problem } = pathOf(variable)
    if (path) settings.push({ path, text, where: { variable } })
    else if (variable.includes(SEPARATOR)) tree.problems.push(problem)
    else warnings.push(problem)
  }
  settings.sort((a, b) => comparePaths(a.path, b.path))
  for (const { path, text, where } of settings) place(tree, path, new Text(text, ''), where)
  return warnings
}

/** A value given on the command line. `flag` is how an error names it. */
export interface Override {
  flag: string
  /** Such as `clusters[0].name` or `clusters.0.name`. */
  path: string
  value: string
}

/** Lays flags over the tree, in the order given. The value `null` takes a key away. */
export function applyFlags(tree: Tree, overrides: readonly Override[]): void {
  for (const { flag, path, value } of overrides) {
    const parts = path.split(/[.[\]]+/).filter((part) => part !== '')
    const steps = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part))
    if (steps.length) place(tree, steps, new Text(value), { flag })
    else tree.report([], 'names no setting', undefined, { flag })
  }
}

/** `--set admin.bind=0.0.0.0:9090` without its flag. */
export function parseOverride(setting: string): Override | undefined {
  const equals = setting.indexOf('=')
  if (equals < 1) return undefined
  const path = setting.slice(0, equals).trim()
  return { flag: `--set ${path}`, path, value: setting.slice(equals + 1) }
}

function place(tree: Tree, path: Path, text: Text, where: Where): void {
  if (text.text === 'null') {
    tree.set(path, undefined, where)
    return
  }
  const target = schemaAt(configSchema, path)
  const kind = target && kindOf(target)
  if (kind === 'array') tree.set(path, listFromText(text.text) ?? text, where)
  else if (kind === 'object') tree.set(path, mappingFromText(text.text) ?? text, where)
  else tree.set(path, text, where)
}

function pathOf(variable: string): { path: Path; problem?: never } | { path?: never; problem: Problem } {
  const path: (string | number)[] = []
  const parts = variable.slice(PREFIX.length).split(SEPARATOR)
  let schema: Schema | undefined = configSchema
  for (const [i, part] of parts.entries()) {
    const keys: string[] = schema ? keysOf(schema) : []
    const key = keys.find((known) => known.toLowerCase() === part.toLowerCase())
    const element: Schema | undefined = schema && elementOf(schema)
    if (element && /^\d+$/.test(part)) path.push(Number(part))
    else if (key) path.push(key)
    else return { problem: unknownVariable(variable, parts, i, keys, element !== undefined) }
    schema = schemaAt(configSchema, path)
  }
  return { path }
}

function unknownVariable(
  variable: string,
  parts: string[],
  at: number,
  keys: string[],
  list: boolean,
): Problem {
  const problem = { where: { variable }, path: '', text: 'is not a setting' }
  if (list) return { ...problem, hint: `${parts[at]} must be an index such as 0` }
  const nearest = nearestWord(parts[at]!, keys)
  if (nearest === undefined) return problem
  const corrected = parts.with(at, nearest.toUpperCase()).join(SEPARATOR)
  return { ...problem, hint: didYouMean(PREFIX + corrected, [PREFIX + corrected])! }
}

/** What lies higher comes first, lists in the order of their indices. */
function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [left, right] = [a[i]!, b[i]!]
    if (left === right) continue
    if (typeof left === 'number' && typeof right === 'number') return left - right
    return String(left) < String(right) ? -1 : 1
  }
  return a.length - b.length
}
