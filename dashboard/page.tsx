import { Announcer } from '#dashboard/announcer.tsx'
import { Charts } from '#dashboard/charts.tsx'
import { Clients } from '#dashboard/clients.tsx'
import { Events } from '#dashboard/events.tsx'
import { FilterBar } from '#dashboard/filter-bar.tsx'
import { Gate } from '#dashboard/gate.tsx'
import { Header } from '#dashboard/header.tsx'
import { KeyFigures } from '#dashboard/key-figure-row.tsx'
import { Matrix } from '#dashboard/matrix.tsx'
import { Nodes } from '#dashboard/nodes.tsx'
import { stale, view } from '#dashboard/store.ts'
import { Strip } from '#dashboard/strip.tsx'
import { Topics } from '#dashboard/topics.tsx'

/** A link would change the address after `#`, which belongs to the filter. */
function skip(): void {
  document.getElementById('figures')?.focus()
}

/** Without data there is only the gate; with data that is old, all of it turns grey. */
export function Page() {
  const shown = view.value
  return (
    <div class={stale.value ? 'page stale' : 'page'}>
      <button type="button" class="skip" onClick={skip}>
        Skip to the figures
      </button>
      <Header />
      <Announcer />
      <Gate />
      {shown && (
        <main id="figures" tabIndex={-1}>
          <Strip view={shown} />
          <KeyFigures view={shown} />
          <Matrix view={shown} />
          <FilterBar view={shown} />
          <Charts view={shown} />
          <Topics view={shown} />
          <Clients view={shown} />
          <Nodes view={shown} />
          <Events view={shown} />
        </main>
      )}
    </div>
  )
}
