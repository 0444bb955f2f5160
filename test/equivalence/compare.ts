export interface Difference {
  /** Keys on the way down, with dots. */
  at: string
  left: string
  right: string
}

/** Every leaf in which two results differ. A key that one of them lacks is a leaf. */
export function compare(left: unknown, right: unknown, at = ''): Difference[] {
  if (!isTree(left) || !isTree(right)) {
    const [shownLeft, shownRight] = [show(left), show(right)]
    return shownLeft === shownRight ? [] : [{ at, left: shownLeft, right: shownRight }]
  }
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].flatMap((key) => compare(left[key], right[key], at === '' ? key : `${at}.${key}`))
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Numbers and bigints look alike: both are integers of the protocol. */
function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? Number(inner) : inner))
  return text ?? 'absent'
}
