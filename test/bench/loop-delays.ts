import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Loaded before the programs of a gateway (`node --import`): measures how late their event loops are. At SIGUSR2
 * a process writes what it has seen since the last one to FOLDER/PID.json, and begins anew.
 */
export interface LoopDelays {
  /** Over what the timer itself takes, in ms. */
  p50: number
  p99: number
  max: number
  /** Of the partition map: entries that a worker was told. */
  entries: number
}

const RESOLUTION_MS = 1
/** The worker's own listener must be the first, or its first orders are lost. */
const LISTEN_AFTER_MS = 2000

const folder = process.env.LOOP_DELAYS
if (folder) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  let entries = 0
  const listen = () =>
    process.on('message', (message: { type?: string; changes?: object }) => {
      if (message.type === 'topics') entries += Object.keys(message.changes!).length
    })
  if (process.send) setTimeout(listen, LISTEN_AFTER_MS).unref()
  process.on('SIGUSR2', () => {
    const ms = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS)
    const { max } = delays
    const seen = { p50: ms(delays.percentile(50)), p99: ms(delays.percentile(99)), max: ms(max), entries }
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(seen satisfies LoopDelays))
    delays.reset()
    entries = 0
  })
}
