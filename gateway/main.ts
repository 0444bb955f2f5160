import { parseArgs } from 'node:util'
import {
  type Config,
  formatProblem,
  type LoadedConfig,
  loadConfig,
  printConfig,
  type RefusedConfig,
  unusableSecrets,
} from '#gateway/config.ts'
import { memoryTerms } from '#gateway/config-limits.ts'
import { didYouMean } from '#gateway/config-problems.ts'
import { parseDuration } from '#gateway/config-values.ts'
import { VERSION } from '#gateway/version.ts'

const USAGE = `Usage: sluice COMMAND [OPTIONS]

  run            serve until SIGTERM
  check          find everything that is wrong with a configuration; --probe also asks the clusters
  demo           clusters, gateway and a thousand producers on this machine, until Ctrl-C
  print-config   the configuration that would be used, and where each value comes from
  version
  help

Options of run, check and print-config
  --config FILE        YAML; docs/config.md explains every key
  --set KEY=VALUE      such as --set admin.bind=127.0.0.1:9190, also --set clusters[0].portOffset=1
  --log-level LEVEL    trace, debug, info, warn or error
  --log-format FORMAT  auto, json or pretty

Options of demo
  --for DURATION       ends by itself, such as --for 10s, and verifies what was stored
  --producers N        1 to 10000; default 1000

Exit codes: 0 clean, 1 run-time failure, 2 bad configuration or usage
`

const CONFIG_OPTIONS = {
  config: { type: 'string' },
  set: { type: 'string', multiple: true },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
} as const

/** Which options each command takes. */
const COMMANDS = new Map<string, Options>([
  ['run', CONFIG_OPTIONS],
  ['check', { ...CONFIG_OPTIONS, probe: { type: 'boolean' } }],
  ['demo', { for: { type: 'string' }, producers: { type: 'string' } }],
  ['print-config', CONFIG_OPTIONS],
  ['version', {}],
  ['help', {}],
])

/** As in most programs; `sluice run --help` too. */
const ALIASES = new Map([
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
])

type Options = Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>

interface Given {
  for?: string
  producers?: string
  config?: string
  set?: string[]
  'log-level'?: string
  'log-format'?: string
  probe?: boolean
}

const DEMO_PRODUCERS = 1000

const CLEAN = 0
const FAILED = 1
const REFUSED = 2

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const [first = '', ...rest] = args
  const command = ALIASES.get(first) ?? first
  const options = COMMANDS.get(command)
  if (!options) {
    const hint = didYouMean(command, COMMANDS.keys())
    return refuse(command ? `unknown command "${command}"${hint ? `; ${hint}` : ''}` : 'a command is missing')
  }
  if (rest.includes('--help') || rest.includes('-h')) return help()
  let given: Given
  try {
    given = parseArgs({ args: rest, options, allowPositionals: false }).values as Given
  } catch (error) {
    return refuse(argumentError(error as Error, options))
  }
  if (command === 'help') return help()
  if (command === 'version') return version()
  if (command === 'demo') return demo(given)
  return withConfig(command, given)
}

async function demo(given: Given): Promise<number> {
  const forMs = given.for === undefined ? undefined : parseDuration(given.for)
  if (Number.isNaN(forMs)) return refuse(`--for ${given.for} is not a duration such as 10s`)
  const producers = Number(given.producers ?? DEMO_PRODUCERS)
  if (!Number.isInteger(producers) || producers < 1 || producers > 10_000) {
    return refuse(`--producers ${given.producers} is not a whole number from 1 to 10000`)
  }
  return (await import('#gateway/demo.ts')).demo({ forMs, producers })
}

async function withConfig(command: string, given: Given): Promise<number> {
  const load = () =>
    loadConfig({
      ...(given.config === undefined ? {} : { file: given.config }),
      set: given.set ?? [],
      flags: (['level', 'format'] as const).flatMap((key) => {
        const value = given[`log-${key}`]
        return value === undefined ? [] : { flag: `--log-${key}`, path: `log.${key}`, value }
      }),
    })
  const loaded = load()
  for (const warning of loaded.warnings) complain(`warning: ${formatProblem(warning)}`)
  if (loaded.problems) {
    for (const problem of loaded.problems) complain(formatProblem(problem))
    if (!given.config) complain('no --config FILE was given, so only environment and flags were read')
    return REFUSED
  }
  if (command === 'check') return check(loaded, given)
  if (command === 'print-config') return say(printConfig(loaded))
  return run(loaded.config, load)
}

async function check({ config, warnings }: LoadedConfig, { config: file, probe }: Given): Promise<number> {
  const secrets = unusableSecrets(config)
  for (const secret of secrets) complain(`warning: ${secret}`)
  const counts = (['listeners', 'clusters', 'routes'] as const).map((key) => `${key}: ${config[key].length}`)
  counts.push(`warnings: ${warnings.length + secrets.length}`)
  say(`${file ?? 'configuration'}: ok (${counts.join(', ')})\n`)
  say(worstCase(config))
  if (!probe) return CLEAN
  const { probeClusters } = await import('#gateway/probe.ts')
  const results = await probeClusters(config)
  for (const { cluster, ok, detail } of results)
    say(`${cluster}: ${ok ? 'reachable' : 'unreachable'} (${detail})\n`)
  return results.every(({ ok }) => ok) ? CLEAN : FAILED
}

/** What the node may hold at the very worst, term by term: for whoever sizes the machine. */
function worstCase({ limits, node }: Config): string {
  const terms = memoryTerms(limits, node.workers)
  const total = terms.reduce((sum, { bytes }) => sum + bytes, 0)
  const rows = [...terms, { user: 'in all', bytes: total }]
  const lines = rows.map(({ user, bytes }) => `  ${formatMiB(bytes).padStart(11)}  ${user}`)
  return `memory at the very worst:\n${lines.join('\n')}\n`
}

function formatMiB(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`
}

/** What `run` may need beside its configuration. */
export interface RunOptions {
  /** Reads the same sources once more, for SIGHUP and `POST /reload`. */
  reload: () => LoadedConfig | RefusedConfig
}

async function run(config: Config, reload: RunOptions['reload']): Promise<number> {
  const part = await import('#gateway/run.ts')
  const serve: (config: Config, options: RunOptions) => Promise<number> = part.run
  return serve(config, { reload })
}

function version(): number {
  return say(`sluice ${VERSION} (node ${process.versions.node})\n`)
}

function help(): number {
  return say(USAGE)
}

function argumentError(error: Error, options: Options): string {
  const text = error.message.split(/\.\s/)[0]!
  const flag = /'(--?[\w-]+)/.exec(text)?.[1]
  const known = Object.keys(options).map((name) => `--${name}`)
  const hint = flag && !known.includes(flag) ? didYouMean(flag, known) : undefined
  return hint ? `${text}; ${hint}` : text
}

function refuse(reason: string): number {
  complain(`sluice: ${reason}`)
  complain('try: sluice help')
  return REFUSED
}

function say(text: string): number {
  process.stdout.write(text)
  return CLEAN
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Exits even if something is still open: after a second signal, `run` comes back amid a drain. */
if (import.meta.main) {
  try {
    process.exit(await main(process.argv.slice(2)))
  } catch (error) {
    complain(`sluice: ${(error as Error).stack ?? error}`)
    process.exit(FAILED)
  }
}
