import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '#test/support/ports.ts'
import { type Exit, run, splitLines, start } from '#test/support/processes.ts'

const BUILD = join(import.meta.dirname, '../../loadtests/k6/build.sh')

/** Builds k6 if need be. @returns the program */
export async function k6Program(): Promise<string> {
  return (await run(BUILD, [])).trim().split('\n').at(-1)!
}

export interface K6Options {
  script: string
  /** For `summary.json`, which the scripts write, and `report.html`. */
  results: string
  env?: Record<string, string>
  onLine?: (line: string) => void
}

/** Runs a script to its end. Exit code 99: a threshold is broken. */
export async function runK6(options: K6Options): Promise<Exit & { output: string }> {
  const program = await k6Program()
  mkdirSync(options.results, { recursive: true })
  const env = {
    ...options.env,
    K6_NO_USAGE_REPORT: 'true',
    K6_AUTO_EXTENSION_RESOLUTION: 'false',
    K6_WEB_DASHBOARD: 'true',
    K6_WEB_DASHBOARD_HOST: '127.0.0.1',
    K6_WEB_DASHBOARD_PORT: String(await freePort()),
    K6_WEB_DASHBOARD_PERIOD: '2s',
    K6_WEB_DASHBOARD_EXPORT: join(options.results, 'report.html'),
  }
  const args = ['run', '--quiet', '--no-color', '--address', '', options.script]
  const lines: string[] = []
  const onLine = (line: string): void => {
    lines.push(line)
    options.onLine?.(line)
  }
  const k6 = await start(program, args, { env, input: '', onLine })
  if (options.onLine) splitLines(k6.child.stderr!, options.onLine)
  const exit = await k6.exited
  return { ...exit, output: [...lines, k6.output()].join('\n') }
}
