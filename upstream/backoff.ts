/** Milliseconds before the next attempt to connect: doubling from 100 ms to 2 s, less up to a half of it. */
export function reconnectMs(failures: number): number {
  const full = Math.min(2000, 100 * 2 ** Math.min(Math.max(failures, 1) - 1, 10))
  return full * (1 - Math.random() / 2)
}

/** Waits without keeping the process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
