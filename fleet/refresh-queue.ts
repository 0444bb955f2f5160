import { Queue, Worker } from 'bullmq'
import { READING_LIMIT_MS, RETRY_MS, type Reader, readWithin } from '#fleet/reading.ts'
import type { RedisLink } from '#fleet/redis.ts'
import type { SharedMap } from '#fleet/shared-map.ts'
import type { Log } from '#telemetry/log.ts'

/** A run whose node died is given up after this long, in ms; the schedule does not wait for it. */
const LOCK_MS = 10_000
const CLOSE_MS = 1000
const MOST_ATTEMPTS = 10

export interface RefreshedCluster {
  name: string
  reader: Reader
  shared: SharedMap
}

interface Runner {
  queue: Queue
  worker: Worker
  stop: AbortController
}

/**
 * Who reads which cluster when: one BullMQ job scheduler per cluster, which any node may set up and any node's
 * worker may serve, so that the fleet together reads each cluster once per interval. Every cluster has a queue of
 * its own, so one that does not answer holds up no other.
 */
export class RefreshQueue {
  readonly #link: RedisLink
  readonly #intervalMs: () => number
  readonly #log: Log
  readonly #limitMs: number
  readonly #runners = new Map<string, Runner>()
  #connection: ReturnType<RedisLink['bullConnection']> | null = null

  constructor(link: RedisLink, intervalMs: () => number, log: Log, limitMs = READING_LIMIT_MS) {
    this.#link = link
    this.#intervalMs = intervalMs
    this.#log = log
    this.#limitMs = limitMs
  }

  /**
   * Sets the scheduler up, if need be once more: an emptied Redis has forgotten it. A new scheduler's first run
   * is at once. Only to be called while Redis is up. @throws when Redis fails
   *
   * @param anew what is planned is worth nothing: a node whose clock is wrong may have planned it for much later
   */
  async schedule(cluster: RefreshedCluster, anew = false): Promise<void> {
    const { name } = cluster
    const runner = this.#runners.get(name) ?? this.#serve(cluster)
    await this.#link.commands.sadd(this.#link.key('clusters'), name)
    const every = this.#intervalMs()
    const opts = {
      attempts: Math.max(1, Math.min(MOST_ATTEMPTS, Math.floor(every / RETRY_MS))),
      backoff: { type: 'fixed', delay: RETRY_MS },
      removeOnComplete: true,
      removeOnFail: true,
    }
    if (anew) await runner.queue.removeJobScheduler(name)
    await runner.queue.upsertJobScheduler(name, { every }, { name: 'read', opts })
  }

  /** This node runs no more readings of the cluster; the scheduler stays for the others. */
  async drop(name: string): Promise<void> {
    const runner = this.#runners.get(name)
    if (!runner) return
    this.#runners.delete(name)
    runner.stop.abort()
    // Without Redis it would wait for answers; a job that is left so is given up by the others after LOCK_MS.
    const closed = runner.worker.close(this.#link.state === 'down').catch(() => {})
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref())])
    runner.queue.close().catch(() => {})
  }

  /** The clusters that the fleet keeps something of. @throws when Redis fails */
  known(): Promise<string[]> {
    return this.#link.commands.smembers(this.#link.key('clusters'))
  }

  /** Removes what the fleet keeps of clusters that no node has any more. @throws when Redis fails */
  async sweep(unwanted: string[]): Promise<void> {
    const { commands } = this.#link
    for (const name of unwanted) {
      const queue = this.#queue(name)
      await queue.obliterate({ force: true }).catch(() => queue.removeJobScheduler(name))
      await queue.close()
      const keys = ['map', 'topics', 'grants'].map((what) => this.#link.key(`${what}:${name}`))
      await commands.del(...keys)
      await commands.srem(this.#link.key('clusters'), name)
      this.#log.info({ cluster: name }, 'no node has this cluster any more: its schedule is removed')
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#runners.keys()].map((name) => this.drop(name)))
    this.#connection?.disconnect()
    this.#connection = null
  }

  #queue(name: string): Queue {
    const queue = new Queue(name, {
      connection: this.#link.commands,
      prefix: this.#link.key('bull'),
    })
    queue.on('error', (error) => this.#note(name, error))
    return queue
  }

  #serve(cluster: RefreshedCluster): Runner {
    const { name } = cluster
    this.#connection ??= this.#link.bullConnection()
    const stop = new AbortController()
    const worker = new Worker(name, () => this.#read(cluster, stop.signal), {
      connection: this.#connection,
      prefix: this.#link.key('bull'),
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS,
      maxStalledCount: 0,
    })
    worker.on('error', (error) => this.#note(name, error))
    const runner = { queue: this.#queue(name), worker, stop }
    this.#runners.set(name, runner)
    return runner
  }

  async #read({ name, reader, shared }: RefreshedCluster, stopped: AbortSignal): Promise<void> {
    const token = await shared.takeToken()
    try {
      const reading = await readWithin(reader, this.#limitMs, stopped)
      const written = await shared.commit(token, reading)
      if (!written)
        this.#log.info({ cluster: name }, 'a later reading was written first, this one is dropped')
    } catch (error) {
      if (!stopped.aborted) await shared.fail(token, (error as Error).message)
      throw error
    }
  }

  /** What is wrong with Redis is said once, elsewhere; this is said for each connection and attempt. */
  #note(cluster: string, error: Error): void {
    this.#log.trace({ cluster, error: error.message }, 'refresh queue')
  }
}
