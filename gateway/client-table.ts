import type { ClientSample } from '#status/samples.ts'
import { TOP, topClients } from '#status/top.ts'

/** Beyond so many, new clients of a worker are counted together as one without a name. */
const COUNTED_CLIENTS = 10_000

/** What one client has sent through one worker since its first connection. */
export class ClientSlot {
  readonly key: string
  readonly id: string
  readonly address: string
  /** Name and version, as it told them. */
  readonly software: string
  connections = 0
  batchesIn = 0
  recordsIn = 0
  bytesIn = 0
  errors = 0
  /** The same at the last report. */
  #batchesBefore = 0
  #recordsBefore = 0
  #bytesBefore = 0
  #errorsBefore = 0

  constructor(key: string, id: string, address: string, software: string) {
    this.key = key
    this.id = id
    this.address = address
    this.software = software
  }

  /** It has sent something since the last report. */
  get hasNews(): boolean {
    return this.batchesIn !== this.#batchesBefore || this.errors !== this.#errorsBefore
  }

  /** Bytes since the last report. */
  get newBytes(): number {
    return this.bytesIn - this.#bytesBefore
  }

  /** Since the last report, per second. */
  rates(seconds: number): ClientSample['rates'] {
    return {
      batchesIn: (this.batchesIn - this.#batchesBefore) / seconds,
      recordsIn: (this.recordsIn - this.#recordsBefore) / seconds,
      bytesIn: this.newBytes / seconds,
      errors: (this.errors - this.#errorsBefore) / seconds,
    }
  }

  reported(): void {
    this.#batchesBefore = this.batchesIn
    this.#recordsBefore = this.recordsIn
    this.#bytesBefore = this.bytesIn
    this.#errorsBefore = this.errors
  }
}

/** A connection whose client has said who it is. */
export interface Introduced {
  clientId: string | null
  readonly address: string
  slot: ClientSlot | null
}

/** The clients of a worker: connections that say the same `client.id` and software from one address. */
export class ClientTable {
  readonly #slots = new Map<string, ClientSlot>()
  #reportedAt = performance.now()
  /** `client.id` of those that are reported whatever they send. */
  watched: ReadonlySet<string> = new Set()

  /**
   * Counts a connection for its client, and no longer for the one that it was taken for until now.
   *
   * @param software name and version, if the client has told them now
   */
  introduce(
    connection: Introduced,
    clientId: string | null,
    software = connection.slot?.software ?? '',
  ): void {
    this.leave(connection)
    connection.clientId = clientId
    connection.slot = this.#slotOf(clientId ?? '', connection.address, software)
    connection.slot.connections++
  }

  #slotOf(id: string, address: string, software: string): ClientSlot {
    const key = `${id}\0${address}\0${software}`
    let slot = this.#slots.get(key)
    if (!slot) {
      const isFull = this.#slots.size >= COUNTED_CLIENTS
      slot = isFull ? this.#nameless() : new ClientSlot(key, id, address, software)
      this.#slots.set(slot.key, slot)
    }
    return slot
  }

  #nameless(): ClientSlot {
    return this.#slots.get('') ?? new ClientSlot('', '', '', '')
  }

  /** The connection is over. */
  leave({ slot }: Introduced): void {
    if (slot) slot.connections--
  }

  /**
   * Once a second: the clients that sent most since the last call, and those watched. One without a
   * connection is then forgotten.
   */
  report(): ClientSample[] {
    const now = performance.now()
    const seconds = Math.max(now - this.#reportedAt, 1) / 1000
    this.#reportedAt = now
    const busy: ClientSlot[] = []
    const idle: ClientSlot[] = []
    this.#slots.forEach((slot) => {
      if (slot.hasNews) busy.push(slot)
      // Before its software is known, a client is another one.
      else if (slot.connections > 0) idle.push(slot)
      if (slot.connections === 0) this.#slots.delete(slot.key)
    })
    const samples = this.#candidates(busy, idle).map((slot) => ({
      ...named(slot),
      connections: slot.connections,
      rates: slot.rates(seconds),
    }))
    for (const slot of busy) slot.reported()
    return topClients(samples, this.watched)
  }

  /** Those that may be among the top: of thousands most need no more than a look. */
  #candidates(busy: ClientSlot[], idle: ClientSlot[]): ClientSlot[] {
    if (busy.length < TOP) return [...busy, ...idle]
    const bytes = new Float64Array(busy.length)
    for (let i = 0; i < busy.length; i++) bytes[i] = busy[i]!.newBytes
    bytes.sort()
    const least = bytes[bytes.length - TOP]!
    const isWatched = ({ id }: ClientSlot) => this.watched.has(id)
    return [
      ...busy.filter((slot) => slot.newBytes >= least || isWatched(slot)),
      ...(this.watched.size > 0 ? idle.filter(isWatched) : []),
    ]
  }
}

function named({ id, address, software }: ClientSlot) {
  const [softwareName = '', softwareVersion = ''] = software.split(' ')
  return { id, address, softwareName, softwareVersion }
}
