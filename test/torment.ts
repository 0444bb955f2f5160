import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { start } from '#test/support/processes.ts'

/**
 * Full matrices, many seeds and long faults: what is too long for `npm test`.
 *
 *   npm run torment -- NAME [ARGUMENTS]
 */
interface Torment {
  /** @returns the exit code */
  run(args: string[]): Promise<number>
}

const TORMENTS: Record<string, () => Promise<Torment>> = {
  clients: () => import('#test/clients/torment.ts'),
  fuzz: () => import('#test/fuzz/fuzz.ts'),
  row: () => import('#test/faults/torment.ts'),
  simulate: () => program('simulation/simulate.ts'),
}

/** A program of its own, which prints what it has to say. */
async function program(path: string): Promise<Torment> {
  const file = fileURLToPath(new URL(path, import.meta.url))
  if (!existsSync(file)) throw new Error(`test/${path} is not there`)
  return {
    async run(args) {
      const running = await start(process.execPath, [file, ...args], { onLine: console.log })
      running.child.stdin!.end()
      const { code } = await running.exited
      if (code !== 0) console.error(running.output())
      return code ?? 1
    },
  }
}

const [name = '', ...args] = process.argv.slice(2)
const torment = TORMENTS[name]
if (!torment) {
  console.error(`npm run torment -- NAME: there are ${Object.keys(TORMENTS).join(', ')}`)
  process.exitCode = 2
} else {
  process.exitCode = await (await torment()).run(args)
}
