import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { connectionsBetween, readCounters, readTraffic, type Traffic } from './brokers.ts'
import type { Ticks } from './clock-thread.ts'
import { Connection, type ConnectionEvents, type Sent } from './connection.ts'
import { Histogram } from './histogram.ts'
import type { Plan } from './plan.ts'
import { processTree, sleepExactly, usageOf } from './processes.ts'
import type { Result } from './result.ts'
import { clock, randomFrom, Schedule } from './schedule.ts'
import { type Metadata, type Partition, type Produce, produceRequest, recordBatch } from './wire.ts'

/**
 * Loads a broker, or what stands before it, and measures: `node generator.ts PLAN`, with the plan in JSON.
 * Prints one line of JSON. A producer has a connection to every leader, as real clients do.
 */

const CONNECTING_AT_ONCE = 64
const SETTLE_MS = 500
const DRAIN_MS = 15_000
/** Connections that come and go spread over these addresses, each of which has its own ports. */
const SOURCES = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`)

interface Producer {
  client: string
  /** By broker id. */
  connections: Map<number, Connection>
  /** Of the partitions, for the next batch. */
  cursor: number
}

class Generator implements ConnectionEvents {
  readonly #plan: Plan
  readonly #now = clock()
  readonly #random: () => number
  readonly #latency = new Histogram()
  readonly #service = new Histogram()
  readonly #lateness = new Histogram()
  readonly #errors: Record<string, number> = {}
  readonly #producers: Producer[] = []
  #partitions: Partition[] = []
  #requests: Produce[] = []
  #byLeader = new Map<number, Produce[]>()
  #brokers = new Map<number, string>()
  /** The measured window, on the clock. */
  #from = Infinity
  #to = Infinity
  #sent = 0
  #acked = 0
  #allSent = 0
  #allAcked = 0
  #lost = 0
  #stopped = false

  constructor(plan: Plan) {
    this.#plan = plan
    this.#random = randomFrom(plan.seed)
  }

  async run(): Promise<Result> {
    const { watch, load, seconds, warmUpSeconds } = this.#plan
    const atStart = usageOf(watch.processes)
    const begun = this.#now()
    await this.#connectAll()
    const setUp = this.#now() - begun
    await pause(SETTLE_MS)
    const traffic = await this.#traffic()
    const counters = await readCounters(watch.metrics)
    sleepExactly()
    this.#from = this.#now() + 200 + warmUpSeconds * 1000
    this.#to = this.#from + seconds * 1000
    this.#begin()
    await this.#until(this.#from)
    const before = this.#usage()
    const windowFrom = this.#now()
    await this.#until(this.#to)
    const after = this.#usage()
    const windowSeconds = (this.#now() - windowFrom) / 1000
    this.#stopped = true
    await this.#drain()
    // Brokers count a request when its answer has left, a little after it is here.
    await pause(SETTLE_MS)
    const connections = connectionsBetween(traffic, await this.#traffic())
    const countersAfter = await readCounters(watch.metrics)
    const open = this.#allSent - this.#allAcked
    for (const producer of this.#producers) for (const each of producer.connections.values()) each.close()
    return {
      seconds,
      windowSeconds,
      kind: load.kind,
      setUpSeconds: setUp / 1000,
      sent: this.#sent,
      acked: this.#acked,
      allSent: this.#allSent,
      allAcked: this.#allAcked,
      unanswered: open,
      errors: this.#errors,
      lost: this.#lost,
      latency: this.#latency.summary(),
      service: this.#service.summary(),
      lateness: this.#lateness.summary(),
      usage: { atStart, before, after },
      connections,
      counters: { before: counters, after: countersAfter },
    }
  }

  // ── the load ────────────────────────────────────────────────────────────────────────────────────────

  #begin(): void {
    const { load, producers } = this.#plan
    if (load.kind === 'open') {
      this.#onSchedule(load.perSecond * producers, load.even ?? false, (due, number) => {
        const index = load.even ? number % producers : Math.floor(this.#random() * producers)
        this.#produce(this.#producers[index]!, due, load.even ?? false)
      })
    } else if (load.kind === 'connects') {
      this.#onSchedule(load.perSecond, false, (due, number) => void this.#visit(due, number))
    } else if (load.kind === 'closed') {
      for (const producer of this.#producers) this.#fill(producer)
    }
  }

  #onSchedule(perSecond: number, even: boolean, send: (due: number, number: number) => void): void {
    const ticks: Ticks = {
      start: this.#now() + 200,
      end: this.#to,
      perSecond,
      even,
      seed: this.#plan.seed + 1,
    }
    const schedule = new Schedule(ticks.start, perSecond, even, ticks.seed)
    const thread = new Worker(new URL('clock-thread.ts', import.meta.url), { workerData: ticks })
    thread.on('error', (error) => this.#fail(error))
    thread.once('online', sleepExactly)
    let number = 0
    thread.on('message', () => {
      const now = this.#now()
      for (; schedule.at <= now && schedule.at < this.#to; schedule.advance()) send(schedule.at, number++)
    })
  }

  /** @param inTurn the producer's partitions one after the other, instead of any */
  #produce(producer: Producer, due: number, inTurn: boolean): void {
    const count = this.#partitions.length
    const index = inTurn ? producer.cursor++ % count : Math.floor(this.#random() * count)
    const connection = producer.connections.get(this.#partitions[index]!.leader)!
    connection.produce(this.#requests[index]!, due)
  }

  #fill({ connections }: Producer): void {
    for (const connection of connections.values()) {
      for (let i = 0; i < this.#plan.inFlight; i++) connection.produce(this.#next(connection), this.#now())
    }
  }

  /** One partition after the other, of those that the broker behind the connection leads. */
  #next(connection: Connection): Produce {
    const requests = this.#byLeader.get(connection.leader)!
    return requests[connection.cursor++ % requests.length]!
  }

  /** Connects, produces once, and leaves. */
  async #visit(due: number, number: number): Promise<void> {
    const index = Math.floor(this.#random() * this.#partitions.length)
    const address = this.#brokers.get(this.#partitions[index]!.leader)!
    const client = nameOf(number % 100_000)
    const localAddress = SOURCES[number % SOURCES.length]!
    const events: ConnectionEvents = {
      sending: (sent) => this.sending(sent),
      answered: (sent, errorCode, answering) => {
        answering.reset()
        this.answered(sent, errorCode, answering)
      },
      lost: (unanswered, why) => this.lost(unanswered, why),
    }
    try {
      const connection = await Connection.open(address, {
        client,
        inFlight: 1,
        events,
        now: this.#now,
        localAddress,
      })
      connection.produce(this.#requests[index]!, due)
    } catch {
      // The connection has told why. The batch was due all the same, and is missing.
      this.#allSent++
      if (this.#isMeasured(due)) this.#sent++
    }
  }

  // ── connections ─────────────────────────────────────────────────────────────────────────────────────

  async #connectAll(): Promise<void> {
    const { load, producers } = this.#plan
    const count = load.kind === 'connects' ? 1 : producers
    let started = 0
    const connectSome = async (): Promise<void> => {
      while (started < count) this.#producers.push(await this.#connect(started++))
    }
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectSome))
    this.#producers.sort((a, b) => (a.client < b.client ? -1 : 1))
  }

  async #connect(number: number): Promise<Producer> {
    const { bootstrap, topics, inFlight, load } = this.#plan
    const client = nameOf(number)
    const options = { client, inFlight, events: this as ConnectionEvents, now: this.#now }
    const first = await Connection.open(bootstrap, options)
    await first.apiVersions()
    const metadata = await first.metadata(topics)
    if (this.#partitions.length === 0) this.#learn(metadata, client)
    const connections = new Map<number, Connection>()
    const producer = { client, connections, cursor: number }
    if (load.kind === 'connects' || load.kind === 'idle') {
      connections.set(0, first)
      return producer
    }
    for (const leader of new Set(metadata.partitions.map(({ leader }) => leader))) {
      const address = metadata.brokers.get(leader)!
      const connection = address === bootstrap ? first : await this.#connectTo(address, options)
      connection.leader = leader
      connection.cursor = number
      connections.set(leader, connection)
    }
    // As real clients do: this one has served its purpose.
    if (![...connections.values()].includes(first)) first.close()
    return producer
  }

  async #connectTo(address: string, options: Parameters<typeof Connection.open>[1]): Promise<Connection> {
    const connection = await Connection.open(address, options)
    await connection.apiVersions()
    return connection
  }

  #learn({ brokers, partitions }: Metadata, client: string): void {
    const { records, recordBytes } = this.#plan.batch
    const batch = recordBatch(records, recordBytes, this.#random)
    this.#brokers = brokers
    this.#partitions = partitions
    this.#requests = partitions.map((partition) => produceRequest(client, partition, batch))
    for (const [i, { leader }] of partitions.entries()) {
      this.#byLeader.set(leader, [...(this.#byLeader.get(leader) ?? []), this.#requests[i]!])
    }
  }

  // ── what became of it ───────────────────────────────────────────────────────────────────────────────

  sending({ due, sentAt }: Sent): void {
    this.#allSent++
    if (!this.#isMeasured(due)) return
    this.#sent++
    this.#lateness.add(sentAt - due)
  }

  answered({ due, sentAt }: Sent, errorCode: number, connection: Connection): void {
    const now = this.#now()
    if (errorCode === 0) this.#allAcked++
    else this.#error(`code ${errorCode}`)
    if (this.#plan.load.kind === 'closed' && !this.#stopped) {
      connection.cork()
      connection.produce(this.#next(connection), now)
    }
    if (errorCode !== 0 || !this.#isMeasured(due)) return
    this.#acked++
    this.#latency.add(now - due)
    this.#service.add(now - sentAt)
  }

  lost(unanswered: number, why: string): void {
    this.#lost++
    this.#error(why, Math.max(1, unanswered))
  }

  #isMeasured(due: number): boolean {
    return due >= this.#from && due < this.#to
  }

  #error(what: string, count = 1): void {
    this.#errors[what] = (this.#errors[what] ?? 0) + count
  }

  #fail(error: Error): never {
    console.error(error)
    process.exit(1)
  }

  #usage(): Result['usage']['before'] {
    return usageOf({ ...this.#plan.watch.processes, generator: [process.pid] })
  }

  /** Of whoever stands right before the brokers: the gateway, or this process. */
  #traffic(): Promise<Traffic> {
    const { processes, ports } = this.#plan.watch
    return readTraffic(ports, processTree(processes.gateway ?? [process.pid]))
  }

  async #until(time: number): Promise<void> {
    await pause(Math.max(0, time - this.#now()))
  }

  async #drain(): Promise<void> {
    const deadline = this.#now() + DRAIN_MS
    while (this.#allAcked < this.#allSent && this.#now() < deadline) await pause(20)
  }
}

/** All of one length: requests are made once and get their producer's name later. */
function nameOf(number: number): string {
  return `load-${String(number).padStart(5, '0')}`
}

const result = await new Generator(JSON.parse(process.argv[2]!) as Plan).run()
console.log(JSON.stringify(result))
process.exit(0)
