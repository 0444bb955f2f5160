import { checkDraft, warningsOf } from '#gateway/config-checks.ts'
import type { Draft } from '#gateway/config-draft.ts'
import { readTree, type Variables } from '#gateway/config-file.ts'
import { applyEnvironment, applyFlags, type Override, parseOverride } from '#gateway/config-overlay.ts'
import { formatPath, type Problem } from '#gateway/config-problems.ts'
import { type Machine, resolveConfig, thisMachine } from '#gateway/config-resolve.ts'
import { type Config, configSchema, type Parsed } from '#gateway/config-schema.ts'
import { Tree } from '#gateway/config-tree.ts'
import { formatSize } from '#gateway/config-values.ts'
import { walk } from '#gateway/config-walk.ts'

export { printConfig } from '#gateway/config-print.ts'
export { formatProblem, type Problem } from '#gateway/config-problems.ts'
export type { Address, ClusterConfig, Config, ListenerConfig, RouteConfig } from '#gateway/config-schema.ts'
export { readSecret, unusableSecrets } from '#gateway/config-secrets.ts'

export interface ConfigSources {
  /** YAML file; left out: only environment and flags. */
  file?: string
  /** Environment; default: that of this process. */
  env?: Variables
  /** `admin.bind=127.0.0.1:9090`, as after `--set`; later ones win. */
  set?: readonly string[]
  /** Values of flags with a name of their own, which win over `set`. */
  flags?: readonly Override[]
  /** Default: this machine. */
  machine?: Machine
}

export interface LoadedConfig {
  config: Config
  warnings: Problem[]
  /** Where each value came from, for `printConfig`. */
  tree: Tree
  problems?: never
}

export interface RefusedConfig {
  /** All that is wrong, in the order of the file; never empty. */
  problems: Problem[]
  /** Often the cause: variables that are nearly the name of a setting. */
  warnings: Problem[]
  config?: never
}

/**
 * Reads, merges (flags > environment > file > defaults) and checks a configuration. Opens no socket and reads
 * no secret. Never throws for what is in the sources.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig | RefusedConfig {
  const variables = sources.env ?? process.env
  const { tree, whole } = sources.file ? readTree(sources.file, variables) : emptyTree()
  if (!whole) return { problems: inOrder(tree.problems), warnings: [] }
  const warnings = applyEnvironment(tree, variables)
  applyFlags(tree, overridesOf(sources, tree))
  const draft = walk(configSchema, tree) as Draft | undefined
  if (draft) checkDraft(draft, tree)
  if (tree.problems.length) return { problems: inOrder(tree.problems), warnings }

  const parsed = configSchema.parse(tree.root)
  const config = resolveConfig(parsed, tree, sources.machine ?? thisMachine())
  warnings.push(...warningsOf(parsed, tree), ...workerWarning(parsed, config, tree, sources.machine))
  return { config, warnings: inOrder(warnings), tree }
}

function overridesOf({ set = [], flags = [] }: ConfigSources, tree: Tree): Override[] {
  const overrides = set.flatMap((setting) => {
    const override = parseOverride(setting)
    if (!override) tree.report([], 'must be KEY=VALUE', undefined, { flag: `--set ${setting}` })
    return override ?? []
  })
  return [...overrides, ...flags]
}

/** Without a file there is nobody to state the version of its format. */
function emptyTree(): { tree: Tree; whole: boolean } {
  const tree = new Tree()
  tree.root = { version: 1 }
  return { tree, whole: true }
}

function workerWarning(parsed: Parsed, config: Config, tree: Tree, machine = thisMachine()): Problem[] {
  const { workers } = config.node
  if (parsed.node.workers !== 'auto' || workers >= machine.cores) return []
  const { memory, maxFrameBytes } = config.limits
  const text =
    `is auto, so ${workers} for ${machine.cores} cores: more do not fit into limits.memory ` +
    `${formatSize(memory)} with limits.maxFrameBytes ${formatSize(maxFrameBytes)}`
  const path = ['node', 'workers']
  return [{ where: tree.where(path), path: formatPath(path), text, hint: 'raise limits.memory' }]
}

/** Those of a file by line, then those of variables and flags as they were found. */
function inOrder(problems: Problem[]): Problem[] {
  const rank = ({ where }: Problem) =>
    (where.line ?? Number.MAX_SAFE_INTEGER / 1e4) * 1e4 + (where.column ?? 0)
  return problems.toSorted((a, b) => rank(a) - rank(b))
}

/** Where systemd wants to be told of readiness (sd_notify(3)); undefined where nobody does. */
export function notifySocket(): string | undefined {
  return process.env.NOTIFY_SOCKET || undefined
}
