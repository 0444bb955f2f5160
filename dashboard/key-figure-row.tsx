import { keyFigures } from '#dashboard/key-figures.ts'
import { Sparkline } from '#dashboard/sparkline.tsx'
import type { View } from '#dashboard/store.ts'

export function KeyFigures({ view }: { view: View }) {
  return (
    <section aria-label="Key figures of the fleet">
      <dl class="key-figures">
        {keyFigures(view).map(({ label, title, now, points, mood }) => (
          <div key={label} class={mood ? `key-figure ${mood}` : 'key-figure'} title={title}>
            <dt>{label}</dt>
            <dd>
              <span class="value">{now.text}</span> <span class="unit">{now.unit}</span>
            </dd>
            <dd class="picture">
              <Sparkline points={points} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
