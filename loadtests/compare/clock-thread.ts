import { parentPort, workerData } from 'node:worker_threads'
import { clock, Schedule } from './schedule.ts'

/**
 * Wakes the main thread at each scheduled time: Node's own timers know whole milliseconds only, which is
 * several times the latency to be measured.
 */
const { start, end, perSecond, even, seed } = workerData as Ticks
const now = clock()
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const schedule = new Schedule(start, perSecond, even, seed)

while (schedule.at < end) {
  const wait = schedule.at - now()
  if (wait > 0) Atomics.wait(sleeper, 0, 0, wait)
  parentPort!.postMessage(0)
  const late = now()
  while (schedule.at <= late) schedule.advance()
}

export interface Ticks {
  /** On `clock()`. */
  start: number
  end: number
  perSecond: number
  even: boolean
  seed: number
}
