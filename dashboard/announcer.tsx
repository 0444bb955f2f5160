import { useRef } from 'preact/hooks'
import { connection, view } from '#dashboard/store.ts'
import type { Connection } from '#dashboard/stream.ts'

const WORDS: Record<Connection['kind'], string> = {
  connecting: '',
  live: 'Live.',
  waiting: 'The connection was lost. Reconnecting.',
  locked: 'The node asks for its admin token.',
  asleep: '',
  stopped: 'The page has stopped.',
}

/** Reads changes of state aloud, and never figures. */
export function Announcer() {
  const shown = view.value
  const lastEvent = shown?.events.at(-1)
  /** What happened before the page was opened is not news. */
  const opened = useRef<number | null>(null)
  if (shown && opened.current === null) opened.current = shown.state.ts
  const isNews = lastEvent !== undefined && lastEvent.ts > (opened.current ?? 0)
  return (
    <div class="hidden" aria-live="polite">
      <p>{WORDS[connection.value.kind]}</p>
      <p>{isNews && lastEvent.severity !== 'info' ? lastEvent.text : ''}</p>
    </div>
  )
}
