import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { formatProblem, type LoadedConfig, type RefusedConfig } from '#gateway/config.ts'
import { memoryPerWorker } from '#gateway/config-limits.ts'
import type { Config } from '#gateway/config-schema.ts'
import { isMapping, type Mapping } from '#gateway/config-tree.ts'

/** What a new configuration means for a node that runs with an old one. */
export interface Judged {
  config: Config
  /** Settings that differ, such as `limits.pipelined` and `clusters[eu].window.linger`. */
  changed: string[]
}

/** A reload that does not come, in words, one for each thing that is wrong. */
export class Refusal extends Error {
  readonly errors: readonly string[]

  constructor(errors: readonly string[]) {
    super(errors.join('\n'))
    this.errors = errors
  }
}

/** Whole sections that a running node cannot change. */
const FIXED = ['version', 'clusterId', 'node', 'listeners', 'fleet', 'admin', 'health'] as const
/** Of a cluster that stays. */
const FIXED_OF_CLUSTER = ['id', 'portOffset'] as const

/**
 * Whether a node can go over to what was read, and what changes then.
 *
 * @throws Refusal with all that is wrong, or that needs a restart
 */
export function judge(running: Config, loaded: LoadedConfig | RefusedConfig): Judged {
  if (loaded.problems) throw new Refusal(loaded.problems.map(formatProblem))
  const config = keepWorkers(running, loaded)
  const changed = [...differences(settingsOf(running), settingsOf(config))]
  const fixed = changed.filter((setting) => needsRestart(setting, running, config))
  if (fixed.length > 0) {
    throw new Refusal(fixed.map((setting) => `${setting} has changed, which needs a restart`))
  }
  return { config, changed }
}

function needsRestart(setting: string, running: Config, config: Config): boolean {
  if (setting === 'log.format') return true
  if (FIXED.some((section) => new RegExp(`^${section}\\b`).test(setting))) return true
  return config.clusters.some(({ name }) => {
    const stays = running.clusters.some((cluster) => cluster.name === name)
    return stays && FIXED_OF_CLUSTER.some((key) => setting === `clusters[${name}].${key}`)
  })
}

/** `node.workers: auto` follows limits.memory at a start only: a reload keeps the workers, if they fit. */
function keepWorkers({ node }: Config, { config, tree }: LoadedConfig): Config {
  const section = isMapping(tree.root) ? (tree.root.node as Mapping | undefined) : undefined
  const auto = (section?.workers ?? 'auto') === 'auto'
  const fit = config.limits.memory >= memoryPerWorker(config.limits.maxFrameBytes) * node.workers
  return auto && fit ? { ...config, node: { ...config.node, workers: node.workers } } : config
}

function* differences(before: Map<string, unknown>, after: Map<string, unknown>): Generator<string> {
  for (const [setting, value] of after) if (!isDeepStrictEqual(before.get(setting), value)) yield setting
  for (const setting of before.keys()) if (!after.has(setting)) yield setting
}

/** Every setting by its name; a cluster that comes or goes is one setting, and so are all routes. */
function settingsOf(config: Config): Map<string, unknown> {
  const { clusters, listeners, routes, ...rest } = config
  const settings = new Map<string, unknown>(flatten(rest, ''))
  for (const [list, entries] of Object.entries({ clusters, listeners })) {
    for (const entry of entries) {
      const name = `${list}[${entry.name}]`
      settings.set(name, true)
      for (const [setting, value] of flatten(entry as unknown as Mapping, `${name}.`))
        settings.set(setting, value)
    }
  }
  settings.set('routes', routes)
  return settings
}

function* flatten(value: Mapping, above: string): Generator<[string, unknown]> {
  for (const [key, each] of Object.entries(value)) {
    if (isMapping(each)) yield* flatten(each, `${above}${key}.`)
    else if (each !== undefined) yield [above + key, each]
  }
}

/** For people who compare nodes: without `node` and `log.format`, which differ by machine. */
export function configHash({ node: _node, log, ...config }: Config): string {
  const text = JSON.stringify({ ...config, log: log.level })
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** A cluster that comes or goes stands for all its settings. */
export function summaryOf(changed: readonly string[]): string[] {
  const whole = changed.filter((setting) => /^clusters\[[^\]]+\]$/.test(setting))
  return changed.filter((setting) => !whole.some((cluster) => setting.startsWith(`${cluster}.`)))
}
