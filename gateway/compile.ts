import { fork } from 'node:child_process'
import { once } from 'node:events'
import { flushCompileCache } from 'node:module'

/**
 * Has Node keep what it makes of the sources (NODE_COMPILE_CACHE), before a node starts for the first time: a
 * process that compiles them itself keeps the TypeScript compiler in its memory, 30 MB, for as long as it lives.
 * What is kept counts only for the same flags of V8, so workers need their own.
 */
if (process.argv[2] === 'worker') {
  await import('#gateway/worker-main.ts')
} else {
  for (const entry of ['#gateway/main.ts', '#gateway/run.ts', '#fleet/redis-fleet.ts']) await import(entry)
  const { WORKER_FLAGS } = await import('#gateway/worker-flags.ts')
  await once(fork(import.meta.filename, ['worker'], { execArgv: WORKER_FLAGS }), 'exit')
}
flushCompileCache()
process.exit(0)
