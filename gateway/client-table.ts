import type { ClientSample } from '#status/samples.ts'
import { topClients } from '#status/top.ts'

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
  readonly #reported = { batchesIn: 0, recordsIn: 0, bytesIn: 0, errors: 0 }

  constructor(key: string, id: string, address: string, software: string) {
    this.key = key
    this.id = id
    this.address = address
    this.software = software
  }

  /** Since the last call, per second. */
  take(seconds: number): ClientSample['rates'] {
    const { batchesIn, recordsIn, bytesIn, errors } = this
    const before = this.#reported
    const rates = {
      batchesIn: (batchesIn - before.batchesIn) / seconds,
      recordsIn: (recordsIn - before.recordsIn) / seconds,
      bytesIn: (bytesIn - before.bytesIn) / seconds,
      errors: (errors - before.errors) / seconds,
    }
    Object.assign(before, { batchesIn, recordsIn, bytesIn, errors })
    return rates
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
    const samples: ClientSample[] = []
    for (const slot of this.#slots.values()) {
      const { connections, key } = slot
      const rates = slot.take(seconds)
      if (connections === 0) this.#slots.delete(key)
      // Before its software is known, a client is another one.
      if (connections > 0 || rates.batchesIn + rates.errors > 0) {
        samples.push({ ...named(slot), connections, rates })
      }
    }
    return topClients(samples, this.watched)
  }
}

function named({ id, address, software }: ClientSlot) {
  const [softwareName = '', softwareVersion = ''] = software.split(' ')
  return { id, address, softwareName, softwareVersion }
}
