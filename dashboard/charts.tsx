import { useState } from 'preact/hooks'
import { Chart, Moment } from '#dashboard/chart.tsx'
import type { Filter } from '#dashboard/filter.ts'
import { byteRate, bytes, cores, type Figure, milliseconds, number, rate } from '#dashboard/format.ts'
import {
  clusterLines,
  errorLines,
  type GrantFigure,
  grantLines,
  latencyLines,
  nodeLines,
  rateLines,
} from '#dashboard/lines.ts'
import { filter, type View } from '#dashboard/store.ts'
import type { Rates } from '#status/contract.ts'

type Format = (value: number | null) => Figure

const plain: Format = (value) => ({ text: number(value), unit: '' })

/** The node sends a history of the fleet; what one node does to one cluster is recorded by the page. */
function sinceOpened({ node }: Filter): string {
  return node ? 'Of one node: since this page was opened.' : ''
}

export function Charts({ view }: { view: View }) {
  const chosen = filter.value
  const { times } = view.recording
  const slowest = [chosen.cluster ? '' : 'The slowest cluster at each moment.', sinceOpened(chosen)].join(' ')
  return (
    <section aria-label="The last 15 minutes">
      <div class="section-head">
        <h2>The last 15 minutes</h2>
        <p class="muted">
          Figures beside the names: <Moment times={times} />
        </p>
      </div>
      <div class="charts">
        <RateChart view={view} />
        <Chart
          title="Batches per submission"
          note={sinceOpened(chosen)}
          times={times}
          format={plain}
          lines={clusterLines(view, chosen, 'batchesPerSubmission')}
        />
        <Chart
          title="Errors by Kafka name"
          note={sinceOpened(chosen)}
          times={times}
          format={rate}
          lines={errorLines(view, chosen)}
        />
        <Chart
          title="Time in the gateway"
          note={slowest}
          times={times}
          format={milliseconds}
          lines={latencyLines(view, chosen, 'gateway')}
        />
        <Chart
          title="Time in the upstream"
          note={slowest}
          times={times}
          format={milliseconds}
          lines={latencyLines(view, chosen, 'upstream')}
        />
        <GrantChart view={view} />
        <Chart
          title="Event-loop delay"
          note="The worst worker of a node."
          times={times}
          format={milliseconds}
          lines={nodeLines(view, chosen, 'loopDelayMs')}
        />
        <Chart
          title="Memory"
          times={times}
          format={bytes}
          inBytes
          lines={nodeLines(view, chosen, 'residentBytes')}
        />
        <Chart title="CPU" times={times} format={cores} lines={nodeLines(view, chosen, 'cpu')} />
      </div>
    </section>
  )
}

const RATES: Partial<Record<keyof Rates, { label: string; format: Format }>> = {
  batchesIn: { label: 'Batches in', format: rate },
  recordsIn: { label: 'Records in', format: rate },
  bytesIn: { label: 'Bytes in', format: byteRate },
  acks: { label: 'Acks', format: rate },
  submissions: { label: 'Submissions', format: rate },
}

function RateChart({ view }: { view: View }) {
  const [figure, setFigure] = useState<keyof Rates>('batchesIn')
  const { label, format } = RATES[figure]!
  const options = Object.entries(RATES).map(([value, { label }]) => ({ value, label }))
  return (
    <Chart
      title={`${label} by cluster`}
      note={sinceOpened(filter.value)}
      times={view.recording.times}
      lines={rateLines(view, filter.value, figure)}
      format={format}
      inBytes={figure === 'bytesIn'}
    >
      <Select
        label="Rate of"
        value={figure}
        options={options}
        onChange={(value) => setFigure(value as keyof Rates)}
      />
    </Chart>
  )
}

const GRANTS: Record<GrantFigure, { label: string; format: Format }> = {
  lanes: { label: 'Lanes', format: plain },
  inFlightBytes: { label: 'In flight', format: bytes },
  submissionsPerSecond: { label: 'Submissions', format: rate },
}

function GrantChart({ view }: { view: View }) {
  const [figure, setFigure] = useState<GrantFigure>('lanes')
  const options = Object.entries(GRANTS).map(([value, { label }]) => ({ value, label }))
  return (
    <Chart
      title="Grants: used and granted"
      times={view.recording.times}
      lines={grantLines(view, filter.value, figure)}
      format={GRANTS[figure].format}
      inBytes={figure === 'inFlightBytes'}
    >
      <Select
        label="Grant of"
        value={figure}
        options={options}
        onChange={(value) => setFigure(value as GrantFigure)}
      />
    </Chart>
  )
}

interface SelectProps {
  label: string
  value: string
  options: { value: string; label: string }[]
  onChange: (value: string) => void
}

function Select({ label, value, options, onChange }: SelectProps) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  )
}
