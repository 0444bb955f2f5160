import { availableParallelism, hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { clusterVirtualId } from '#gateway/config-ids.ts'
import { memoryPerWorker } from '#gateway/config-limits.ts'
import type { Path } from '#gateway/config-problems.ts'
import type { Config, ListenerConfig, Parsed } from '#gateway/config-schema.ts'
import type { Tree } from '#gateway/config-tree.ts'

/** What the machine brings to a configuration. */
export interface Machine {
  hostname: string
  cores: number
  terminal: boolean
}

export function thisMachine(): Machine {
  return { hostname: hostname(), cores: availableParallelism(), terminal: process.stdout.isTTY === true }
}

/** Replaces every `auto` and every default that depends on something else. */
export function resolveConfig(parsed: Parsed, tree: Tree, machine: Machine): Config {
  const absolute = (path: Path, file: string) => resolve(baseFolder(tree, path), file)
  const { node, listeners, clusters, log, fleet, admin, ...rest } = parsed
  return {
    ...rest,
    node: { ...node, id: node.id ?? machine.hostname, workers: workersOf(parsed, machine.cores) },
    listeners: listeners.map(resolveListener),
    clusters: clusters.map(({ tls: _tls, sasl: _sasl, ...cluster }) => ({
      ...cluster,
      id: cluster.id ?? clusterVirtualId(cluster.name),
      portOffset: cluster.portOffset ?? 0,
    })),
    fleet: fleet && { redis: withFile(fleet.redis, 'passwordFile', ['fleet', 'redis'], absolute) },
    admin: { ...admin, auth: admin.auth && withFile(admin.auth, 'tokenFile', ['admin', 'auth'], absolute) },
    log: {
      level: log.level,
      format: log.format === 'auto' ? (machine.terminal ? 'pretty' : 'json') : log.format,
    },
  }
}

/** One worker per core, as long as each has memory enough to read the largest frame allowed. */
export function workersOf({ node, limits }: Parsed, cores: number): number {
  if (node.workers !== 'auto') return node.workers
  return Math.max(1, Math.min(cores, Math.floor(limits.memory / memoryPerWorker(limits.maxFrameBytes))))
}

function resolveListener({
  tls: _tls,
  sasl: _sasl,
  ...listener
}: Parsed['listeners'][number]): ListenerConfig {
  const { bind, advertised } = listener
  return {
    ...listener,
    advertised: { ...advertised, host: advertised.host ?? bind.host, port: advertised.port || bind.port },
  }
}

function withFile<T extends { [key in K]?: string | undefined }, K extends keyof T & string>(
  section: T,
  key: K,
  path: Path,
  absolute: (path: Path, file: string) => string,
): T {
  const file = section[key]
  return file === undefined ? section : { ...section, [key]: absolute([...path, key], file) }
}

/** A relative path in a file counts from that file's folder, one from a flag or a variable from here. */
function baseFolder(tree: Tree, path: Path): string {
  const { file } = tree.where(path)
  return file ? dirname(file) : '.'
}
