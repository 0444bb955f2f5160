import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { span, timeOfDay } from '#dashboard/format.ts'
import { type Shape, StateIcon } from '#dashboard/icons.tsx'
import { age, clock, connection, retry, stale, unlock, view } from '#dashboard/store.ts'

/** What stands between the page and its data: nothing, while frames come. */
export function Gate() {
  const now = connection.value
  if (now.kind === 'locked') return <TokenForm refused={now.refused} />
  if (now.kind === 'stopped') return <Notice shape="bad" title="This page cannot go on" text={now.why} />
  if (now.kind === 'waiting') return <Waiting until={now.until} why={now.why} />
  if (!view.value) {
    return <Notice shape="starting" title="Connecting" text="Waiting for the first figures of this node." />
  }
  if (now.kind === 'live' && stale.value) {
    return (
      <Notice shape="warning" title="The node is late" text={`Its last frame came ${span(age.value)} ago.`} />
    )
  }
  return null
}

function Notice(props: { shape: Shape; title: string; text: string; children?: ComponentChildren }) {
  return (
    <section class={`notice ${view.value ? 'slim' : 'alone'}`} aria-label={props.title}>
      <span class={`mark ${props.shape}`}>
        <StateIcon shape={props.shape} />
      </span>
      <div>
        <h2>{props.title}</h2>
        <p>{props.text}</p>
        {props.children}
      </div>
    </section>
  )
}

function Waiting({ until, why }: { until: number; why: string }) {
  const seconds = Math.max(0, Math.ceil((until - clock.value) / 1000))
  const shown = view.value
  const title = shown ? 'Reconnecting' : 'No connection to this node'
  const data = shown ? ` What is shown is from ${timeOfDay(shown.receivedAt)}, ${span(age.value)} ago.` : ''
  return (
    <Notice shape="warning" title={title} text={`${sentence(why)}${data}`}>
      <p class="again">
        <button type="button" onClick={retry}>
          Try now
        </button>
        <span class="muted">next attempt in {seconds} s</span>
      </p>
    </Notice>
  )
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

/** The token goes to the node and into no storage of the browser. */
function TokenForm({ refused }: { refused: boolean }) {
  const [token, setToken] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    if (token) unlock(token)
  }
  const text =
    'This node shows its figures to those who know its admin token (admin.auth in its configuration).'
  return (
    <Notice shape="locked" title="Admin token" text={text}>
      <form class="token" onSubmit={submit}>
        <label>
          <span>Token</span>
          <input
            type="password"
            autocomplete="off"
            value={token}
            aria-invalid={refused}
            aria-describedby="token-note"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" disabled={!token}>
          Show the figures
        </button>
      </form>
      <p id="token-note" class={refused ? 'mark bad' : 'muted'}>
        {refused ? 'The node does not accept this token.' : 'It is kept in memory until this page is closed.'}
      </p>
    </Notice>
  )
}
