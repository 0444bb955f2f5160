import { computed, effect, signal } from '@preact/signals'
import { type Filter, formatFilter, parseFilter, sameFilter } from '#dashboard/filter.ts'
import { begin, change, happen, type Model } from '#dashboard/model.ts'
import { type Connection, Stream } from '#dashboard/stream.ts'

/** What the page shows, and when the newest of it came. */
export interface View extends Model {
  receivedAt: number
}

/** A hidden page lets go of its stream after so long. */
const ASLEEP_AFTER_MS = 60_000
/** A live stream whose newest frame is older is not live. */
const STALE_AFTER_MS = 3500

export const connection = signal<Connection>({ kind: 'connecting' })
export const view = signal<View | null>(null)
export const paused = signal(false)
/** Browser time, once a second: for ages, never for figures. */
export const clock = signal(Date.now())
export const filter = signal<Filter>(parseFilter(location.hash))
/** Topics and clients that were asked for by name. */
export const asked = signal<{ topics: string[]; clients: string[] }>({ topics: [], clients: [] })

/** How old what is shown is. */
export const age = computed(() => (view.value ? Math.max(0, clock.value - view.value.receivedAt) : 0))
/** The server's time, as of the last second; a page that stands still has that of its figures. */
export const now = computed(() => (view.value?.state.ts ?? 0) + (paused.value ? 0 : age.value))
export const stale = computed(
  () =>
    view.value !== null && !paused.value && (connection.value.kind !== 'live' || age.value > STALE_AFTER_MS),
)

/** Newer than `view` while a frame is being drawn, or while the page stands still. */
let newest: View | null = null
let isDrawing = false

function show(model: Model): void {
  newest = { ...model, receivedAt: Date.now() }
  if (paused.peek()) return
  if (isDrawing) return
  isDrawing = true
  requestAnimationFrame(() => {
    isDrawing = false
    if (!paused.peek()) view.value = newest
  })
}

const stream = new Stream(document.baseURI, {
  connection: (now) => {
    connection.value = now
  },
  snapshot: (hello, frame) => show(begin(hello, frame, newest)),
  delta: (frame) => newest && show(change(newest, frame)),
  event: (frame) => newest && show(happen(newest, frame)),
})

/** Connects, and begins to watch the clock, the address and whether anybody looks. */
export function start(): void {
  void stream.connect()
  setInterval(() => {
    if (!document.hidden) clock.value = Date.now()
  }, 1000)
  addEventListener('hashchange', () => choose(parseFilter(location.hash)))
  effect(() => stream.want(asked.value.topics, asked.value.clients))
  let bedtime: ReturnType<typeof setTimeout> | undefined
  document.addEventListener('visibilitychange', () => {
    clearTimeout(bedtime)
    if (document.hidden) bedtime = setTimeout(() => stream.sleep(), ASLEEP_AFTER_MS)
    else {
      clock.value = Date.now()
      if (['waiting', 'asleep'].includes(connection.peek().kind)) stream.wake()
    }
  })
}

export const retry = () => stream.wake()
export const unlock = (token: string) => stream.unlock(token)

export function choose(chosen: Filter): void {
  if (sameFilter(filter.peek(), chosen)) return
  filter.value = chosen
  const hash = formatFilter(chosen)
  history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search)
}

/** What is shown stays as it is; what comes meanwhile is kept for later. */
export function pause(stop: boolean): void {
  if (stop && view.peek()) view.value = { ...view.peek()!, recording: view.peek()!.recording.copy() }
  paused.value = stop
  if (!stop && newest) view.value = newest
}
