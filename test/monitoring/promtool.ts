import { spawnSync } from 'node:child_process'

const MISSING =
  'promtool is missing: run bin/setup promtool, or install it (Debian: apt-get install prometheus)'

export interface Verdict {
  code: number | null
  /** Both streams. */
  output: string
}

/** @throws Error that says what to install, when there is no promtool */
export function promtool(args: readonly string[], input = ''): Verdict {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') throw new Error(MISSING)
  if (error) throw error
  return { code: status, output: stdout + stderr }
}
