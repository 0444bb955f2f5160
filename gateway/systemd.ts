import { spawn } from 'node:child_process'
import type { Control } from '#gateway/control.ts'
import type { Log } from '#telemetry/log.ts'

/** Systemd takes what it is told within this time, in ms. */
const TIMEOUT_MS = 5000

/**
 * Tells systemd how the node is, as a service of `Type=notify` or `notify-reload` does (sd_notify(3)).
 *
 * Node has no datagram sockets in the file system, so the program systemd-notify speaks for us. It is a child
 * of ours, so the unit needs `NotifyAccess=all`. Without that program nothing is told, and the log says so:
 * `Type=exec` with a check of /readyz does without.
 */
export class Systemd {
  readonly #socket: string | undefined
  readonly #log: Log
  /** One after the other: what is told last holds. */
  #told: Promise<void> = Promise.resolve()
  #failed = false
  #stopping = false

  /** @param socket NOTIFY_SOCKET; undefined where nobody wants to be told */
  constructor(socket: string | undefined, log: Log) {
    this.#socket = socket
    this.#log = log
  }

  /** The node serves; from now on systemd is told of every change. */
  follow(control: Control): void {
    const status = () => `STATUS=${control.state === 'draining' ? drainStatus(control) : control.state}`
    this.tell('READY=1', status())
    control.hooks.push({
      changed: () => this.tell(status()),
      reloading: () => this.tell('RELOADING=1', `MONOTONIC_USEC=${monotonicMicroseconds()}`),
      // A reload that was refused is over, too: the node goes on as before.
      reloaded: (error) => {
        this.tell('READY=1', error ? `STATUS=not reloaded: ${error}`.replaceAll('\n', ' ') : status())
      },
    })
  }

  /** @returns when it is told: the process must not end before, or nobody knows whose word it was */
  stopping(): Promise<void> {
    const told = this.tell('STOPPING=1', 'STATUS=draining')
    this.#stopping = true
    return told
  }

  /** Each is `NAME=value`; all of them go in one datagram. Never fails. */
  tell(...assignments: string[]): Promise<void> {
    if (this.#socket === undefined || this.#failed || this.#stopping) return this.#told
    this.#told = this.#told.then(() => this.#notify(assignments))
    return this.#told
  }

  #notify(assignments: string[]): Promise<void> {
    return new Promise((resolve) => {
      const options = { stdio: 'ignore', timeout: TIMEOUT_MS } as const
      const child = spawn('systemd-notify', assignments, options)
      child.once('error', (error) => {
        this.#failed = true
        this.#log.warn({ error: error.message }, 'systemd is not told of readiness: no systemd-notify')
        resolve()
      })
      child.once('exit', (code) => {
        if (code !== 0) this.#log.warn({ code }, 'systemd-notify has failed: does NotifyAccess allow it?')
        resolve()
      })
    })
  }
}

function drainStatus({ drained }: Control): string {
  return drained ? 'drained: no connections, POST /undrain to serve again' : 'draining'
}

/** CLOCK_MONOTONIC, which tells systemd which RELOADING belongs to which READY. */
function monotonicMicroseconds(): bigint {
  return process.hrtime.bigint() / 1000n
}
