import { MOST_NAMES } from '#dashboard/contract-values.ts'
import { Sign } from '#dashboard/icons.tsx'

interface SearchBoxProps {
  /** What is searched, as `Search topics`. */
  label: string
  value: string
  onInput: (value: string) => void
  /** Asks the node for a name that is not among those it sends by itself. */
  onAsk?: (name: string) => void
  /** Whether the name is shown already. */
  known?: boolean
  asked?: readonly string[]
  onForget?: (name: string) => void
}

/** Filters what is there; a name that is not there can be asked for. */
export function SearchBox({ label, value, onInput, onAsk, known, asked = [], onForget }: SearchBoxProps) {
  const name = value.trim()
  const canAsk = onAsk && name !== '' && !known && !asked.includes(name) && asked.length < MOST_NAMES
  const submit = (event: Event) => {
    event.preventDefault()
    if (!canAsk) return
    onAsk(name)
    onInput('')
  }
  return (
    <form class="search" onSubmit={submit}>
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {canAsk && <button type="submit">Ask for “{name}”</button>}
      {asked.map((name) => (
        <span key={name} class="chip">
          {name}
          <button type="button" onClick={() => onForget?.(name)}>
            <Sign name="close" />
            <span class="hidden">Ask no longer for {name}</span>
          </button>
        </span>
      ))}
    </form>
  )
}
