import type { ClusterState, NodeState } from '#status/contract.ts'

/** Drawn in the colour of the text around; the words beside them say the same. */
function Icon({ path, filled }: { path: string; filled?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={path}
        fill={filled ? 'currentColor' : 'none'}
        stroke={filled ? 'none' : 'currentColor'}
        stroke-width="1.6"
        stroke-linecap="round"
        stroke-linejoin="round"
        fill-rule="evenodd"
      />
    </svg>
  )
}

const DISC = 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z'
const OCTAGON = 'M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z'

/** Every state has a shape of its own. */
const SHAPES = {
  good: { path: `${DISC}M7 11.4L3.9 8.3l1.2-1.2L7 9l4-4.2l1.2 1.2z`, filled: true },
  warning: { path: 'M8 1.2l7 13H1zM7.1 5.8l.3 4.4h1.2l.3-4.4zM7.1 11.2v1.6h1.8v-1.6z', filled: true },
  bad: {
    path: `${OCTAGON}M5.6 4.5L4.5 5.6L6.9 8l-2.4 2.4l1.1 1.1L8 9.1l2.4 2.4l1.1-1.1L9.1 8l2.4-2.4l-1.1-1.1L8 6.9z`,
    filled: true,
  },
  draining: { path: `${DISC}M8 4.6v6.2M5.4 8.4L8 11l2.6-2.6`, filled: false },
  starting: { path: `${DISC}M8 4.6V8l2.4 1.6`, filled: false },
  gone: { path: `${DISC}M5 8h6`, filled: false },
  locked: { path: 'M3 7h10v7H3zM5.2 7V4.8a2.8 2.8 0 0 1 5.6 0V7M8 9.8v1.6', filled: false },
  plain: { path: 'M8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5z', filled: true },
} as const

export type Shape = keyof typeof SHAPES

export function StateIcon({ shape }: { shape: Shape }) {
  return <Icon {...SHAPES[shape]} />
}

export const CLUSTER_SHAPES: Record<ClusterState, Shape> = { up: 'good', degraded: 'warning', down: 'bad' }
export const NODE_SHAPES: Record<NodeState, Shape> = {
  serving: 'good',
  starting: 'starting',
  draining: 'draining',
  gone: 'gone',
}

/** A state as icon and word, in its colour. */
export function StateMark({ shape, text }: { shape: Shape; text: string }) {
  return (
    <span class={`mark ${shape}`}>
      <StateIcon shape={shape} />
      {text}
    </span>
  )
}

const SIGNS = {
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3l7.5 5L5 13z',
  system: 'M2 3h12v8H2zM6 13.5h4',
  light:
    'M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6zM8 1v1M8 14v1M1 8h1M14 8h1M3 3l.7.7M12.3 12.3l.7.7M13 3l-.7.7M3.7 12.3L3 13',
  dark: 'M13.2 9.8A5.8 5.8 0 1 1 6.2 2.8a4.7 4.7 0 0 0 7 7z',
  close: 'M4 4l8 8M12 4l-8 8',
  table: 'M2 3h12v10H2zM2 6.4h12M2 9.7h12M6.5 3v10',
  chart: 'M2 2.5v11h12M4.5 10l3-3.5l2.5 2L14 4',
} as const

export function Sign({ name }: { name: keyof typeof SIGNS }) {
  return <Icon path={SIGNS[name]} />
}
