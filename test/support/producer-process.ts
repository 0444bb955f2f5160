import { type Running, start, within } from '#test/support/processes.ts'
import type { Done, Outcome, ProducerSpec } from '#test/support/producer-spec.ts'

/** Starts a producer program and hands it its spec. It answers as producer-spec.ts says. */
export async function startProducer(
  command: string,
  args: string[],
  spec: ProducerSpec,
): Promise<RunningProducer> {
  let producer: RunningProducer | undefined
  const onLine = (line: string): void => producer!.take(line)
  const running = await start(command, args, { onLine })
  producer = new RunningProducer(running, spec)
  running.child.stdin!.write(`${JSON.stringify(spec)}\n`)
  return producer
}

/** A client program that sends records while the test does something else. */
export class RunningProducer {
  readonly spec: ProducerSpec
  /** So far, in the order in which the sends ended. */
  readonly outcomes: Outcome[] = []
  /** The last line, once the program came to its end. */
  done: Done | undefined
  readonly #running: Running
  readonly #waiting = new Set<() => void>()

  constructor(running: Running, spec: ProducerSpec) {
    this.#running = running
    this.spec = spec
    void running.exited.then(() => this.#wake())
  }

  /** Resolves when the program is gone. */
  get exited(): Promise<unknown> {
    return this.#running.exited
  }

  get pid(): number {
    return this.#running.pid
  }

  /** What the client library logged: the newest 256 KiB of stderr. */
  log(): string {
    return this.#running.output()
  }

  take(line: string): void {
    const parsed: Outcome | Done = JSON.parse(line)
    if ('done' in parsed) this.done = parsed
    else this.outcomes.push(parsed)
    this.#wake()
  }

  /** Waits until so many sends have ended. @throws if the program ends before */
  async waitForOutcomes(count: number, timeoutMs = 60_000): Promise<void> {
    const enough = async (): Promise<void> => {
      while (this.outcomes.length < count) {
        if (!this.#running.isRunning) throw new Error(this.#story(`ended before outcome ${count}`))
        await new Promise<void>((resolve) => this.#waiting.add(resolve))
      }
    }
    await within(timeoutMs, enough(), () => this.#story(`has no ${count} outcomes after ${timeoutMs} ms`))
  }

  /**
   * Closes its stdin, which stops one without a `count`, and waits until every send has ended.
   * @throws if the program fails
   */
  async finish(timeoutMs = 180_000): Promise<Outcome[]> {
    this.#running.child.stdin!.end()
    await within(timeoutMs, this.#running.exited, () => this.#story(`still runs after ${timeoutMs} ms`))
    if (!this.done) throw new Error(this.#story('ended too early'))
    return this.outcomes
  }

  async kill(): Promise<void> {
    await this.#running.stop('SIGKILL')
  }

  pause(): void {
    this.#running.signal('SIGSTOP')
  }

  resume(): void {
    this.#running.signal('SIGCONT')
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }

  #story(what: string): string {
    const last = this.outcomes.length
    return `producer ${this.spec.name} (pid ${this.pid}) ${what}; ${last} outcomes; it said:\n${this.log()}`
  }
}
