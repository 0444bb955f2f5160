import { Redis } from 'ioredis'
import { freePort } from '#test/support/ports.ts'
import { type Running, start, temporaryFolder, within } from '#test/support/processes.ts'

/** Where Debian puts it. */
const PROGRAM = 'redis-server'
const READY_MS = 20_000

/** A redis-server of its own on a free port, without persistence; it dies with the test process. */
export class TestRedis {
  readonly port: number
  #running: Running | null = null
  #client: Redis | null = null

  constructor(port: number) {
    this.port = port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`
  }

  /** To look into it, and to break it; not for what is under test. */
  get client(): Redis {
    if (!this.#client) {
      this.#client = new Redis(this.port, '127.0.0.1', { retryStrategy: () => 50 })
      this.#client.on('error', () => {})
    }
    return this.#client
  }

  async start(): Promise<void> {
    const settings = {
      port: this.port,
      bind: '127.0.0.1',
      save: '',
      appendonly: 'no',
      dir: temporaryFolder(),
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
    this.#running = await start(PROGRAM, args, { background: true })
    await this.#running.waitForLine(/Ready to accept connections/, READY_MS)
  }

  /** SIGKILL: everything in it is lost. */
  async kill(): Promise<void> {
    await this.#running?.stop('SIGKILL')
    this.#running = null
  }

  /** Kills it and starts it again on the same port: it is empty. */
  async restartEmpty(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** It holds its connections, and answers nothing. */
  pause(): void {
    this.#running?.signal('SIGSTOP')
  }

  resume(): void {
    this.#running?.signal('SIGCONT')
  }

  async flush(): Promise<void> {
    await this.client.flushall()
  }

  async stop(): Promise<void> {
    this.#client?.disconnect()
    this.#client = null
    await this.kill()
  }
}

export async function startRedis(): Promise<TestRedis> {
  const redis = new TestRedis(await freePort())
  await redis.start()
  return redis
}

/** Looks every 20 ms. @throws with `message()` if it is not true after `timeoutMs` */
export async function until(timeoutMs: number, holds: () => unknown, message: () => string): Promise<void> {
  let stop = false
  const look = async (): Promise<void> => {
    while (!stop && !(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  try {
    await within(timeoutMs, look(), message)
  } finally {
    stop = true
  }
}
