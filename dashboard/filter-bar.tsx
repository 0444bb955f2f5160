import { Sign } from '#dashboard/icons.tsx'
import { choose, filter, type View } from '#dashboard/store.ts'

/** What is chosen, and the way back. */
export function FilterBar({ view: { state } }: { view: View }) {
  const { node, cluster } = filter.value
  if (!node && !cluster) return null
  const unknown = [node && !(node in state.nodes) && node, cluster && !(cluster in state.clusters) && cluster]
  const missing = unknown.filter(Boolean)
  return (
    <section class="filter-bar" aria-label="Filter">
      <p>
        Shown below: {node ? <strong>node {node}</strong> : 'all nodes'},{' '}
        {cluster ? <strong>cluster {cluster}</strong> : 'all clusters'}
        {missing.length > 0 && <span class="muted"> ({missing.join(' and ')} not known to this fleet)</span>}
      </p>
      <button type="button" onClick={() => choose({})}>
        <Sign name="close" /> Show all
      </button>
    </section>
  )
}
