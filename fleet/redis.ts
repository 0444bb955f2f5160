import { readFileSync } from 'node:fs'
import { Redis, type RedisOptions } from 'ioredis'
import type { Log } from '#telemetry/log.ts'

export interface RedisSettings {
  /** redis://[user@]host:port/db */
  url: string
  password?: string | undefined
  /** Stands before every key and channel. */
  keyPrefix: string
}

/** `none`: a node without a fleet. The reason is in words, empty when all is well. */
export interface RedisState {
  state: 'up' | 'down' | 'none'
  reason: string
}

/** Of the keys below; a node that meets a newer one among the fleet runs alone. */
export const SCHEMA = 1

/** A command that is not answered by then has failed, in ms. */
const COMMAND_TIMEOUT_MS = 1500
const CONNECT_TIMEOUT_MS = 2000
const PROBE_MS = 1000
/** After so long without an answer the connections are made anew: the other end may be gone without a word. */
const SILENCE_MS = 5000
const LONGEST_BACKOFF_MS = 1000

/**
 * The connections of one node to Redis. Nothing that goes through them waits long: a command fails at once
 * without a connection, and after 1.5 s without an answer. Whether Redis is up is found out by writing to it
 * each second, so that a stopped, slow, full or read-only one is down, too.
 */
export class RedisLink {
  readonly commands: Redis
  state: 'up' | 'down' = 'down'
  reason = 'not connected yet'
  readonly #settings: RedisSettings
  readonly #subscriber: Redis
  readonly #all = new Set<Redis>()
  readonly #handlers = new Map<string, (message: string) => void>()
  readonly #changed: () => void
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #probing = false
  /** ms of the monotonic clock. */
  #heard = performance.now()
  #lastError = ''
  #stopped = false

  constructor(settings: RedisSettings, log: Log, changed: () => void) {
    this.#settings = settings
    this.#log = log
    this.#changed = changed
    const quick: RedisOptions = {
      commandTimeout: COMMAND_TIMEOUT_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    }
    this.commands = this.#connection(quick)
    this.#subscriber = this.#connection(quick)
    this.commands.on('error', (error) => {
      this.#lastError = inWords(error)
    })
    this.commands.on('ready', () => void this.#probe())
    this.commands.on('close', () => this.#set('down', this.#lastError || 'the connection was closed'))
    this.#subscriber.on('message', (channel, message) => this.#handlers.get(channel)?.(message))
    this.#subscriber.on('ready', () => this.#subscribeAll())
  }

  /** The full name of a key or channel. */
  key(name: string): string {
    return `${this.#settings.keyPrefix}v${SCHEMA}:${name}`
  }

  /** Holds the newest schema version that the fleet has; its own name never changes. */
  get schemaKey(): string {
    return `${this.#settings.keyPrefix}schema`
  }

  start(): void {
    for (const redis of this.#all) void redis.connect().catch(() => {})
    this.#timer = setInterval(() => void this.#probe(), PROBE_MS)
  }

  /** Resolves when Redis is up, or after `timeoutMs`. */
  async whenUp(timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs
    while (this.state === 'down' && performance.now() < until && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this.state === 'up'
  }

  subscribe(channel: string, handler: (message: string) => void): void {
    this.#handlers.set(channel, handler)
    if (this.#subscriber.status === 'ready') this.#subscribeAll()
  }

  unsubscribe(channel: string): void {
    this.#handlers.delete(channel)
    this.#subscriber.unsubscribe(channel).catch(() => {})
  }

  /**
   * A connection as BullMQ needs it: it repeats its commands until they succeed. Each of its workers makes a copy
   * of it to block on.
   */
  bullConnection(): Redis {
    const redis = this.#connection({ maxRetriesPerRequest: null })
    const duplicate = redis.duplicate.bind(redis)
    redis.duplicate = (override) => this.#keep(duplicate(override))
    void redis.connect().catch(() => {})
    return redis
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    for (const redis of this.#all) redis.disconnect()
  }

  #connection(options: RedisOptions): Redis {
    const redis = new Redis(this.#settings.url, {
      ...(this.#settings.password === undefined ? {} : { password: this.#settings.password }),
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAlive: 10_000,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), LONGEST_BACKOFF_MS),
      // What was the main node may be a replica since; a fresh connection leads to its successor.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
      ...options,
    })
    return this.#keep(redis)
  }

  #keep(redis: Redis): Redis {
    redis.on('error', () => {})
    redis.on('end', () => this.#all.delete(redis))
    this.#all.add(redis)
    return redis
  }

  #subscribeAll(): void {
    const channels = [...this.#handlers.keys()]
    if (channels.length === 0) return
    this.#subscriber.subscribe(...channels).catch((error) => {
      this.#log.debug({ error: inWords(error) }, 'no subscription')
    })
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#stopped) return
    this.#probing = true
    try {
      await this.commands.set(this.key('probe'), '', 'PX', SILENCE_MS)
      this.#heard = performance.now()
      this.#lastError = ''
      this.#set('up', '')
    } catch (error) {
      const connected = this.commands.status === 'ready'
      this.#set('down', (!connected && this.#lastError) || inWords(error))
    } finally {
      this.#probing = false
    }
    if (performance.now() - this.#heard > SILENCE_MS) this.#connectAnew()
  }

  #connectAnew(): void {
    this.#lastError ||= this.reason
    this.#heard = performance.now()
    for (const redis of this.#all) {
      if (redis.status !== 'reconnecting') redis.disconnect(true)
    }
  }

  #set(state: 'up' | 'down', reason: string): void {
    if (this.#stopped || (state === this.state && reason === this.reason)) return
    const turned = state !== this.state
    this.state = state
    this.reason = reason
    if (turned && state === 'up') this.#log.info('Redis is up')
    if (turned && state === 'down') this.#log.warn({ reason }, 'Redis is down: this node goes on alone')
    this.#changed()
  }
}

function inWords(error: unknown): string {
  const { message, code } = error as Error & { code?: string }
  if (code === 'ECONNREFUSED') return 'the connection was refused'
  if (message === 'Command timed out') return `no answer within ${COMMAND_TIMEOUT_MS} ms`
  if (message.startsWith("Stream isn't writeable")) return 'not connected'
  return message || code || 'unknown'
}

/** A Lua script of this folder. What it needs and answers stands at its head. */
export class Script {
  readonly #source: string
  #sha = ''

  constructor(file: string) {
    this.#source = readFileSync(new URL(`lua/${file}`, import.meta.url), 'utf8')
  }

  /** @throws when Redis does not answer in time, or the script fails */
  async run(redis: Redis, keys: string[], args: (string | number)[]): Promise<any> {
    if (!this.#sha) this.#sha = (await redis.script('LOAD', this.#source)) as string
    try {
      return await redis.evalsha(this.#sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
      return redis.eval(this.#source, keys.length, ...keys, ...args)
    }
  }
}
