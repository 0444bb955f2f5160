import type { Reading } from '#fleet/partition-map.ts'

/** Reads one cluster; `close` ends a reading that hangs, and the next begins afresh. */
export interface Reader {
  /** @throws when the cluster cannot be read; a single bad topic only stands among `failed` */
  read(): Promise<Reading>
  close(): Promise<void>
}

/** A reading that has not ended by then has failed, in ms. */
export const READING_LIMIT_MS = 30_000
/** A cluster that could not be read is tried again this soon, in ms. */
export const RETRY_MS = 1000

/** @throws also when the reading takes longer than `limitMs`, or the signal says stop */
export async function readWithin(reader: Reader, limitMs: number, stopped: AbortSignal): Promise<Reading> {
  let timer: NodeJS.Timeout | undefined
  let onStop = () => {}
  const ended = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the reading did not end within ${limitMs} ms`)), limitMs)
    onStop = () => reject(new Error('this node stops'))
    stopped.addEventListener('abort', onStop)
    if (stopped.aborted) onStop()
  })
  const reading = reader.read()
  // It may fail long after nobody waits for it any more.
  reading.catch(() => {})
  try {
    return await Promise.race([reading, ended])
  } catch (error) {
    reader.close().catch(() => {})
    throw error
  } finally {
    clearTimeout(timer)
    stopped.removeEventListener('abort', onStop)
  }
}

/** Of a reading that left some topics out; empty for a clean one. */
export function notReadable({ failed }: Reading): string {
  return failed.length > 0 ? `not readable: ${failed.slice(0, 5).join(', ')}` : ''
}
