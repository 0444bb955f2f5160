import { type Logger, pino } from 'pino'

export type Log = Logger

/**
 * One JSON object per line on standard output; `pretty` is for a terminal. Never called per request.
 *
 * @param level trace, debug, info, warn, error, fatal or silent
 */
export function createLog(options: { level: string; format: 'json' | 'pretty'; node: string }): Log {
  const stream = options.format === 'pretty' ? { write: (line: string) => printPretty(line) } : undefined
  const settings = {
    level: options.level,
    base: { node: options.node },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return stream ? pino(settings, stream) : pino(settings, pino.destination({ sync: true }))
}

function printPretty(line: string): void {
  const { level, time, msg, node: _node, ...rest } = JSON.parse(line)
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  process.stdout.write(`${time.slice(11, 23)} ${level.padEnd(5)} ${msg} ${fields.join(' ')}\n`)
}
