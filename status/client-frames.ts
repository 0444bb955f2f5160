import { z } from 'zod'
import type { ClientFrame } from '#status/contract.ts'

/** In one list of one subscription, or of one query. */
export const MAX_NAMES = 50
/** Kafka's longest name of a topic. */
export const MAX_NAME_LENGTH = 249
const INTERVAL_MS = { min: 200, max: 60_000 }

const names = (of: string) =>
  z
    .union([z.literal(false), z.array(z.string().max(MAX_NAME_LENGTH)).max(MAX_NAMES)], {
      error: `${of} must be false or at most ${MAX_NAMES} names of at most ${MAX_NAME_LENGTH} characters`,
    })
    .optional()

const intervalText = `interval_ms must be a number from ${INTERVAL_MS.min} to ${INTERVAL_MS.max}`

/** What is not known is passed over, as by clients. */
const frames = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('ping') }),
    z.object({
      type: z.literal('subscribe'),
      topics: names('topics'),
      clients: names('clients'),
      interval_ms: z
        .number(intervalText)
        .min(INTERVAL_MS.min, intervalText)
        .max(INTERVAL_MS.max, intervalText)
        .optional(),
    }),
  ],
  { error: 'type must be "subscribe" or "ping"' },
)

/** @throws Error that says in words what is wrong */
export function readClientFrame(text: string): ClientFrame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('the frame is no JSON')
  }
  const read = frames.safeParse(value)
  if (!read.success) throw new Error(read.error.issues.map(({ message }) => message).join('; '))
  return read.data
}
