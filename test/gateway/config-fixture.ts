import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import {
  type Config,
  type ConfigSources,
  formatProblem,
  type LoadedConfig,
  loadConfig,
  type RefusedConfig,
} from '#gateway/config.ts'

/** The smallest configuration there is. Tests count its lines: 4 listener, 6 cluster, 9 route. */
export const BASE = `version: 1
clusterId: test
listeners:
  - { name: public, bind: 127.0.0.1:9092 }
clusters:
  - name: eu
    bootstrapServers: [k1:9092]
routes:
  - { match: default, cluster: eu }
`

/** BASE with a second cluster: 6 eu, 10 us, 14 and 15 routes. */
export const TWO_CLUSTERS = `version: 1
clusterId: test
listeners:
  - { name: public, bind: 127.0.0.1:9092 }
clusters:
  - name: eu
    bootstrapServers: [k1:9092]
    portOffset: 1
  # the other one
  - name: us
    bootstrapServers: [k2:9092]
    portOffset: 2
routes:
  - { match: default, cluster: eu }
  - { match: { topic: audit }, cluster: us }
`

export const MACHINE = { hostname: 'host-1', cores: 2, terminal: false }

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

export function writeConfig(text: string): string {
  const file = join(folder, `config-${++files}.yaml`)
  writeFileSync(file, text)
  return file
}

/** `BASE` with one piece of text in another's place, which must be there exactly once. */
export function edit(text: string, from: string, to: string): string {
  assert.equal(text.split(from).length, 2, `${JSON.stringify(from)} must stand once in the text`)
  return text.replace(from, () => to)
}

export function load(text: string, sources: ConfigSources = {}): LoadedConfig | RefusedConfig {
  return loadConfig({ file: writeConfig(text), env: {}, machine: MACHINE, ...sources })
}

export function loadFine(text: string, sources: ConfigSources = {}): LoadedConfig {
  const loaded = load(text, sources)
  if (loaded.problems) assert.fail(loaded.problems.map(formatProblem).join('\n'))
  return loaded
}

export function configOf(text: string, sources: ConfigSources = {}): Config {
  return loadFine(text, sources).config
}

/** The problems in words, the file's name shortened to `f`. */
export function problemsOf(text: string, sources: ConfigSources = {}): string[] {
  return (load(text, sources).problems ?? []).map(shorten)
}

export function warningsOf(text: string, sources: ConfigSources = {}): string[] {
  return load(text, sources).warnings.map(shorten)
}

function shorten(problem: Parameters<typeof formatProblem>[0]): string {
  return formatProblem(problem).replace(/^\/\S*config-\d+\.yaml/, 'f')
}
