import { type Logger, pino } from 'pino'
import { Repeats } from '#telemetry/repeats.ts'

export type Log = Logger

/** pino's number for `warn`: what is below is not sampled, since nobody prints it in production. */
const WARN = 40
/** How often what was left out is told, in ms. */
const TELL_MS = 10_000

export interface LogOptions {
  /** trace, debug, info, warn, error, fatal or silent */
  level: string
  /** `pretty` is for a terminal. */
  format: 'json' | 'pretty'
  node: string
}

/**
 * One JSON object per line on standard output: `ts`, `level`, `node`, `msg`, and what belongs to it. Never
 * called per request. A text that is repeated is printed ten times in ten seconds, and then counted: a client
 * that comes back a thousand times a second must not fill a disk. Whoever asks for debug lines gets them all.
 *
 * @param write takes the lines instead of standard output
 */
export function createLog({ level, format, node }: LogOptions, write?: (line: string) => void): Log {
  const repeats = new Repeats(TELL_MS)
  const print = format === 'pretty' ? (line: string) => (write ?? printOut)(prettyOf(line)) : write
  const log: Log = pino(
    {
      level,
      base: { node },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label: string) => ({ level: label }) },
      hooks: {
        logMethod(args, method, number) {
          const text = args.find((each) => typeof each === 'string')
          const all = number < WARN || this.isLevelEnabled('debug') || text === undefined
          if (all || repeats.admits(text)) method.apply(this, args)
        },
      },
    },
    print ? { write: print } : pino.destination({ sync: true }),
  )
  const timer = setInterval(() => {
    for (const [text, count] of repeats.takeLeftOut()) log.info({ repeated: text, count }, 'more of the same')
  }, TELL_MS)
  timer.unref()
  return log
}

function prettyOf(line: string): string {
  const { level, ts, msg, node: _node, ...rest } = JSON.parse(line)
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `${ts.slice(11, 23)} ${level.padEnd(5)} ${msg} ${fields.join(' ')}\n`
}

function printOut(line: string): void {
  process.stdout.write(line)
}
