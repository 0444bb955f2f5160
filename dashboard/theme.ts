import { effect, signal } from '@preact/signals'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'sluice-theme'
const darkSystem = matchMedia('(prefers-color-scheme: dark)')

export const theme = signal<Theme>(stored())
/** Counts changes of the colours: what is drawn on a canvas must be drawn anew. */
export const paint = signal(0)

function stored(): Theme {
  try {
    return THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'system'
  } catch {
    return 'system' // the browser keeps nothing for this page
  }
}

export function start(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value
    colours.clear()
    paint.value = paint.peek() + 1
  })
  darkSystem.addEventListener('change', () => {
    colours.clear()
    paint.value++
  })
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!
  try {
    localStorage.setItem(KEY, theme.value)
  } catch {
    // it holds until the page is closed
  }
}

const colours = new Map<string, string>()

/** What a custom property of the style sheet means at the moment, for a canvas. */
export function colour(property: string): string {
  const known = colours.get(property)
  if (known) return known
  const probe = document.createElement('i')
  probe.style.color = `var(${property})`
  document.body.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  colours.set(property, found)
  return found
}
