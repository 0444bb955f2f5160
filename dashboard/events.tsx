import { useState } from 'preact/hooks'
import { eventPasses } from '#dashboard/filter.ts'
import { timeOfDay, whole } from '#dashboard/format.ts'
import { type Shape, StateIcon } from '#dashboard/icons.tsx'
import { SearchBox } from '#dashboard/search-box.tsx'
import { filter, type View } from '#dashboard/store.ts'
import type { StatusEvent } from '#status/contract.ts'

const SHAPES: Record<StatusEvent['severity'], Shape> = { info: 'plain', warning: 'warning', error: 'bad' }
const FIRST_EVENTS = 20

/** What has happened, newest first. */
export function Events({ view: { events } }: { view: View }) {
  const [search, setSearch] = useState('')
  const [least, setLeast] = useState<StatusEvent['severity']>('info')
  const [all, setAll] = useState(false)
  const matching = events.filter((event) => eventPasses(event, filter.value, search, least)).reverse()
  const shown = all ? matching : matching.slice(0, FIRST_EVENTS)
  return (
    <section class="panel" aria-labelledby="events">
      <div class="panel-head">
        <h2 id="events">Events</h2>
        <select
          aria-label="Severity"
          value={least}
          onChange={(event) => setLeast(event.currentTarget.value as StatusEvent['severity'])}
        >
          <option value="info">All</option>
          <option value="warning">Warnings and errors</option>
          <option value="error">Errors</option>
        </select>
        <SearchBox label="Search events" value={search} onInput={setSearch} />
      </div>
      <ol class="events">
        {shown.map((event) => (
          <Entry key={`${event.ts} ${event.text}`} event={event} />
        ))}
      </ol>
      {matching.length === 0 && (
        <p class="empty muted">{events.length === 0 ? 'Nothing has happened yet.' : 'No event matches.'}</p>
      )}
      {matching.length > FIRST_EVENTS && (
        <p class="more">
          <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? `Show the newest ${FIRST_EVENTS}` : `Show all ${whole(matching.length)}`}
          </button>
        </p>
      )}
    </section>
  )
}

function Entry({ event: { ts, severity, text } }: { event: StatusEvent }) {
  return (
    <li>
      <time dateTime={new Date(ts).toISOString()}>{timeOfDay(ts)}</time>
      <span class={`mark ${SHAPES[severity]}`}>
        <StateIcon shape={SHAPES[severity]} />
        <span class="hidden">{severity}: </span>
      </span>
      <span>{text}</span>
    </li>
  )
}
