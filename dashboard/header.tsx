import { list, span, timeOfDay } from '#dashboard/format.ts'
import { type Shape, Sign, StateMark } from '#dashboard/icons.tsx'
import { age, connection, pause, paused, stale, view } from '#dashboard/store.ts'
import type { Connection } from '#dashboard/stream.ts'
import { nextTheme, THEMES, theme } from '#dashboard/theme.ts'

export function Header() {
  const node = view.value?.state.node
  return (
    <header class="header">
      <h1>
        <img src={new URL('./icon.svg', import.meta.url).href} alt="" width="20" height="20" />
        Sluice
        {node && <span class="muted"> seen from {node}</span>}
      </h1>
      <ConnectionLight />
      <div class="buttons">
        <PauseButton />
        <button type="button" onClick={nextTheme} title={`Colours: ${list(THEMES)} in turn`}>
          <Sign name={theme.value} />
          <span class="wide">Colours: {theme.value}</span>
        </button>
      </div>
    </header>
  )
}

function PauseButton() {
  return (
    <button
      type="button"
      aria-pressed={paused.value}
      disabled={!view.value}
      onClick={() => pause(!paused.value)}
    >
      <Sign name={paused.value ? 'play' : 'pause'} />
      {paused.value ? 'Go on' : 'Pause'}
    </button>
  )
}

const TROUBLE: Record<Connection['kind'], [Shape, string]> = {
  connecting: ['starting', 'Connecting'],
  live: ['warning', 'Late'],
  waiting: ['warning', 'No connection'],
  locked: ['locked', 'Locked'],
  asleep: ['starting', 'Asleep'],
  stopped: ['bad', 'Stopped'],
}

/** Whether frames come, and how old the last one is. */
function ConnectionLight() {
  const { kind } = connection.value
  const shown = view.value
  if (paused.value && shown) {
    return (
      <p class="light">
        <StateMark shape="gone" text="Paused" /> at {timeOfDay(shown.receivedAt)}
      </p>
    )
  }
  if (kind === 'live' && !stale.value) {
    return (
      <p class="light">
        <StateMark shape="good" text="Live" />
        <span class="muted">last frame {age.value < 1000 ? 'now' : `${span(age.value)} ago`}</span>
      </p>
    )
  }
  const [shape, word] = TROUBLE[kind]
  return (
    <p class="light">
      <StateMark shape={shape} text={word} />
      {shown && <span class="muted">data from {span(age.value)} ago</span>}
    </p>
  )
}
