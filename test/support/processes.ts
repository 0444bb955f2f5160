import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/**
 * Child processes and temporary folders that never outlive the test process, not even when it is killed: a
 * shell holds the other end of a pipe, and when that closes it kills and removes what it was told about.
 */

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface StartOptions {
  env?: Record<string, string>
  cwd?: string
  /** Written to stdin, which is then closed. Left out: stdin stays open, `child.stdin` is yours. */
  input?: string
  /** Does not keep this process alive: for servers that a failed test may leave behind. */
  background?: boolean
  /** Called for every line of stdout as it comes. Such lines are not kept for `output()`. */
  onLine?: (line: string) => void
}

const KEPT = 256 * 1024
const LAST_WORDS_MS = 2000

const WATCHDOG = `
pids=' '
while read -r word what; do
  case $word in
    add) pids="$pids$what " ;;
    gone) pids="\${pids%% $what *} \${pids#* $what }" ;;
    folder) set -- "$@" "$what" ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
[ "$pids" = ' ' ] || sleep 0.3
rm -rf -- "$@"
`

let watchdog: ChildProcess | undefined

/** @param order `add PID`, `gone PID` or `folder PATH` */
function tellWatchdog(order: string): void {
  if (!watchdog) {
    // A session of its own: what is typed at the terminal (Ctrl-C) must not reach it.
    watchdog = spawn('sh', ['-c', WATCHDOG], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    watchdog.unref()
    ;(watchdog.stdin as Socket).unref()
  }
  watchdog.stdin!.write(`${order}\n`)
}

/** A new folder under the system's temporary folder, removed at the latest when this process is gone. */
export function temporaryFolder(prefix = 'sluice-test-'): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  tellWatchdog(`folder ${folder}`)
  return folder
}

/** Starts a program. @throws if it cannot be started at all */
export async function start(command: string, args: string[], options: StartOptions = {}): Promise<Running> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const running = new Running(child, command, options.onLine)
  await once(child, 'spawn')
  tellWatchdog(`add ${child.pid}`)
  void running.exited.then(() => tellWatchdog(`gone ${child.pid}`))
  // A program that ends without reading its input is judged by its exit code.
  child.stdin.on('error', () => {})
  if (options.input !== undefined) child.stdin.end(options.input)
  if (options.background) {
    child.unref()
    for (const pipe of child.stdio) (pipe as unknown as Socket | null)?.unref()
  }
  return running
}

/** Runs a program to its end. @throws with its output if it ends with anything but 0 */
export async function run(command: string, args: string[], options: StartOptions = {}): Promise<string> {
  const running = await start(command, args, { input: '', ...options })
  const { code, signal } = await running.exited
  if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}:\n${running.output()}`)
  return running.output()
}

export class Running {
  readonly child: ChildProcess
  /** Resolves when the process is gone and all it wrote was read. */
  readonly exited: Promise<Exit>
  isRunning = true
  readonly #command: string
  readonly #listeners = new Set<(line: string) => void>()
  #output = ''

  constructor(child: ChildProcess, command: string, onLine?: (line: string) => void) {
    this.child = child
    this.#command = command
    const keep = (line: string): void => this.#keep(line)
    splitLines(child.stdout!, onLine ?? keep)
    splitLines(child.stderr!, keep)
    // A grandchild may hold the pipes open: what comes later than this is not waited for.
    child.on('exit', () => {
      const late = setTimeout(() => {
        child.stdout!.destroy()
        child.stderr!.destroy()
      }, LAST_WORDS_MS)
      child.on('close', () => clearTimeout(late))
    })
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.isRunning = false
        resolve({ code, signal })
      })
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  /** What the process wrote to both streams, at most the newest 256 KiB. */
  output(): string {
    return this.#output
  }

  /** The first line that matches, from those kept and those to come. */
  async waitForLine(pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
    for (const line of this.#output.split('\n')) {
      const match = line.match(pattern)
      if (match) return match
    }
    let listener: (line: string) => void
    const found = new Promise<RegExpMatchArray>((resolve) => {
      listener = (line) => {
        const match = line.match(pattern)
        if (match) resolve(match)
      }
      this.#listeners.add(listener)
    })
    try {
      return await within(timeoutMs, Promise.race([found, this.#endOfOutput(pattern)]), () =>
        this.#story(`wrote no line like ${pattern} in ${timeoutMs} ms`),
      )
    } finally {
      this.#listeners.delete(listener!)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Ends the process and waits until it is gone. A stopped process (SIGSTOP) is continued first. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<Exit> {
    this.signal(signal)
    this.signal('SIGCONT')
    return within(timeoutMs, this.exited, () => this.#story(`still runs ${timeoutMs} ms after ${signal}`))
  }

  #keep(line: string): void {
    this.#output += `${line}\n`
    if (this.#output.length > 2 * KEPT) this.#output = this.#output.slice(-KEPT)
    for (const listener of this.#listeners) listener(line)
  }

  async #endOfOutput(pattern: RegExp): Promise<never> {
    const { code, signal } = await this.exited
    throw new Error(this.#story(`ended with ${code ?? signal} before a line like ${pattern}`))
  }

  #story(what: string): string {
    return `${this.#command} (pid ${this.pid}) ${what}; it said:\n${this.#output.slice(-8192)}`
  }
}

/** @throws with `message()` if the promise is still open after `timeoutMs` */
export async function within<T>(timeoutMs: number, promise: Promise<T>, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message())), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer!)
  }
}

/** Not readline: that also ends a line at U+2028, which may stand inside JSON. */
export function splitLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  })
  stream.on('end', () => {
    if (rest) onLine(rest)
  })
}
