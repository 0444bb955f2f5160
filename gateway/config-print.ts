import { Document, isMap, isScalar, isSeq, type Node, type Pair, type Scalar } from 'yaml'
import { formatWhere, maskPassword, type Path } from '#gateway/config-problems.ts'
import { type Config, configSchema } from '#gateway/config-schema.ts'
import type { Tree } from '#gateway/config-tree.ts'
import { formatValue } from '#gateway/config-values.ts'
import { elementOf, factsOf, fieldsOf, type Schema } from '#gateway/config-walk.ts'

/**
 * The merged configuration as YAML that `--config` takes again (as long as nothing is masked). Behind each
 * value that is no default stands where it came from; passwords are masked.
 */
export function printConfig({ config, tree }: { config: Config; tree: Tree }): string {
  const document = new Document(written(config, configSchema))
  annotate(document.contents as Node, [], tree)
  return document.toString({ lineWidth: 0 })
}

/** The same as plain data, for `GET /api/v1/config`. */
export function shownConfig(config: Config): object {
  return written(config, configSchema) as object
}

/** The value with its units, as a file would have it. */
function written(value: unknown, schema: Schema | undefined): unknown {
  const unit = schema && factsOf(schema)?.unit
  if (unit) return formatValue(value, unit)
  if (typeof value === 'string') return maskPassword(value)
  if (Array.isArray(value)) return value.map((each) => written(each, schema && elementOf(schema)))
  if (typeof value !== 'object' || value === null) return value
  const fields = schema ? fieldsOf(schema) : {}
  const keys = Object.keys(fields).length ? Object.keys(fields) : Object.keys(value)
  const entries = keys.map((key) => [key, written((value as Record<string, unknown>)[key], fields[key])])
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined))
}

function annotate(node: Node, path: Path, tree: Tree): void {
  if (isMap(node)) {
    for (const { key, value } of node.items as Pair[]) {
      if (isScalar(key)) annotate(value as Node, [...path, String((key as Scalar).value)], tree)
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, i) => void annotate(item as Node, [...path, i], tree))
  } else if (tree.isGiven(path)) {
    node.comment = ` ${formatWhere(tree.where(path))}`
  }
}
