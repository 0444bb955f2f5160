import { createRequire } from 'node:module'

/**
 * kafkajs, mended: import it from here. In 2.2.4 every connection checks for requests held back by throttling
 * once a millisecond for ever, whether there are any or not (tulios/kafkajs issues 1704 and 1751, open).
 */
export { type Admin, Kafka, logLevel } from 'kafkajs'

interface RequestQueue {
  pending: unknown[]
  /** ms since 1970. */
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

const CHECK_AGAIN_MS = 10

const { prototype }: { prototype: RequestQueue } = createRequire(import.meta.url)(
  'kafkajs/src/network/requestQueue/index.js',
)

prototype.scheduleCheckPendingRequests = function () {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return
  const wait = Math.max(this.throttledUntil - Date.now(), CHECK_AGAIN_MS)
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null
    this.checkPendingRequests()
  }, wait)
}
