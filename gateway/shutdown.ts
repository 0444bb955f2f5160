import { setTimeout as pause } from 'node:timers/promises'
import type { Worker } from '#gateway/worker.ts'

const POLL_MS = 20
/** Kept back from the drain's time to tell clients of what could not be sent. */
const LAST_WORD_MS = 1000

/**
 * Ends a worker's connections: each takes no further request at a moment of its own, spread over half the
 * time so that the clients do not all reconnect at once, answers what it has read, and closes.
 *
 * Near the end whatever was never sent is answered 19; what was sent keeps its outcome open, and its
 * connection is closed.
 *
 * @param timeoutMs from now until the last connection must be gone
 * @param signal gives it up: connections that have begun to end go on with it, the others stay
 */
export async function drainConnections(
  worker: Worker,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + timeoutMs
  const spread = timeoutMs / 2
  for (const connection of worker.connections) {
    setTimeout(() => {
      if (!signal.aborted) connection.drain('drain')
    }, Math.random() * spread)
  }
  const lastWord = Math.max(end - LAST_WORD_MS, performance.now() + spread)
  let refused = false
  while (performance.now() < end && busy(worker)) {
    await pause(POLL_MS)
    if (signal.aborted) return
    if (!refused && performance.now() > lastWord) {
      for (const { engine } of worker.allLinks()) engine.refuseUnsent()
      refused = true
    }
  }
  if (signal.aborted) return
  for (const connection of [...worker.connections]) connection.close('drain_timeout')
}

/** Batches of acks=0 clients may be under way when their connections are long gone. */
function busy(worker: Worker): boolean {
  if (worker.connections.size > 0) return true
  for (const { engine } of worker.allLinks()) if (engine.waiting > 0) return true
  return false
}
