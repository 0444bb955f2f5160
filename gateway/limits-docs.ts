import { z } from 'zod'
import { CLOSE_REASONS, type CloseReason } from '#gateway/close-reasons.ts'
import { type Limits, limitsSchema } from '#gateway/config-limits.ts'
import { fieldsOf, unwrap } from '#gateway/config-walk.ts'
import { table } from '#gateway/markdown.ts'
import { PAUSE_REASONS, type PauseReason } from '#gateway/pauses.ts'
import { MAX_ELEMENTS } from '#gateway/request-reader.ts'
import { MAX_TAGGED_FIELDS } from '#protocol/reader.ts'

/** docs/limits.md: what is limited, and where one sees that a limit was met. */

/** How a limit shows when it is met. */
interface Signs {
  closes?: CloseReason[]
  /** PauseReason: clients wait, unread. Otherwise something else waits. */
  holds?: (PauseReason | 'unknown_topic')[]
  /** Kafka error codes that batches are answered with. */
  errors?: number[]
  /** Gauges worth an eye before it is met. */
  gauges?: string[]
}

const SIGNS: Record<keyof Limits, Signs> = {
  memory: {
    closes: ['frame_evicted'],
    holds: ['admission', 'cluster'],
    gauges: ['memory_reserved_bytes', 'memory_budget_bytes'],
  },
  maxFrameBytes: { closes: ['bad_frame'] },
  firstFrameBytes: { closes: ['bad_first_frame'] },
  largeFrames: { holds: ['permit'] },
  maxConnections: { closes: ['too_many_connections'], gauges: ['connections_active'] },
  maxConnectionsPerAddress: { closes: ['too_many_from_address'] },
  maxAckWait: { errors: [7, 19] },
  connectionMaxAge: { closes: ['max_age'] },
  pipelined: { holds: ['pipelined'], gauges: ['in_flight_requests'] },
  pipelinedBytes: { holds: ['pipelined'] },
  firstRequestTimeout: { closes: ['first_request_timeout'] },
  frameTimeout: { closes: ['frame_timeout'] },
  idleTimeout: { closes: ['idle'] },
  outputBytes: { holds: ['output'] },
  writeTimeout: { closes: ['write_timeout'] },
  keepAlive: { closes: ['client_reset'] },
  unknownTopicsPerSecond: { holds: ['unknown_topic'] },
}

const INTRO = `# Limits

Generated from the schema by \`npm run docs\`; changes made here are lost.

Overload is never an error code. A client that brings more than there is room for is not read for a while, TCP
makes it wait, and it fills its batches meanwhile. What breaks the protocol or takes too long is closed. Either
way it is counted, and a connection that ends for its own fault is logged with its address, client id and the
reason in words.
`

export function limitsPage(): string {
  const settings = Object.entries(fieldsOf(limitsSchema)).map(([key, field]) => [
    `\`${key}\``,
    `\`${unwrap(field).fallback}\``,
    z.globalRegistry.get(field)!.description!,
    seriesOf(key as keyof Limits)
      .map((series) => `\`${series}\``)
      .join('<br>'),
  ])
  return [
    INTRO,
    `## Settings: \`limits\`\n\n${table(['key', 'default', 'meaning', 'shows as'], settings)}`,
    `## Why a client waits\n\n\`sluice_held_back_total\` counts how often, by cause.\n\n${waits()}`,
    `## Why a connection ends\n\n\`sluice_disconnects_total\` counts them, by cause.\n\n${ends()}`,
    `## Fixed\n\n${table(['what', 'at most', 'beyond it'], fixed())}`,
  ].join('\n')
}

/** The series of `/metrics` that tell of a limit. */
export function seriesOf(limit: keyof Limits): string[] {
  const { closes = [], holds = [], errors = [], gauges = [] } = SIGNS[limit]
  return [
    ...closes.map((cause) => `sluice_disconnects_total{cause="${cause}"}`),
    ...holds.map((cause) => `sluice_held_back_total{cause="${cause}"}`),
    ...errors.map((error) => `sluice_errors_total{error="${error}"}`),
    ...gauges.map((name) => `sluice_${name}`),
  ]
}

function waits(): string {
  const unknown =
    'a question about an unknown topic, by `limits.unknownTopicsPerSecond`: the client asks again'
  const rows = Object.entries({ ...PAUSE_REASONS, unknown_topic: unknown })
  return table(
    ['cause', 'why'],
    rows.map(([cause, why]) => [`\`${cause}\``, why]),
  )
}

function ends(): string {
  const rows = Object.entries(CLOSE_REASONS).map(([cause, { quiet, text }]) => {
    return [`\`${cause}\``, text.replace(/limits\.\w+/g, '`$&`'), quiet ? 'debug' : 'warn']
  })
  return table(['cause', 'why', 'logged as'], rows)
}

function fixed(): string[][] {
  const closed = (cause: CloseReason) => `closed: \`${cause}\``
  return [
    ['topics and partitions named in one request', MAX_ELEMENTS.toLocaleString('en'), closed('bad_request')],
    ['tagged fields in one place', String(MAX_TAGGED_FIELDS), closed('bad_request')],
    ['reserved for a request before its bytes come', '64 KiB', 'grows as they come'],
    ['unfinished requests together', 'a quarter of `limits.memory`', closed('frame_evicted')],
    ['batches of one partition in one request', '1', 'error 42'],
    ['a topic name', '249 characters', 'error 3 in Produce, 17 in Metadata'],
  ]
}
